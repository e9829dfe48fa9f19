// What the upstream needs to speak TLS; nothing of it without WITH_TLS.
#pragma once
#include <stdio.h>
#include <stdlib.h>
#ifdef WITH_TLS
#include <openssl/err.h>
#include <openssl/ssl.h>
static SSL_CTX *tls;
#else
typedef void SSL;
#endif

static void prepare_tls(char **files) {
#ifdef WITH_TLS
  tls = SSL_CTX_new(TLS_server_method());
  SSL_CTX_set_mode(tls, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  if (SSL_CTX_use_certificate_file(tls, files[0], SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_use_PrivateKey_file(tls, files[1], SSL_FILETYPE_PEM) == 1) return;
#endif
  fprintf(stderr, "upstream: no TLS with %s\n", files[0]);
  exit(1);
}
