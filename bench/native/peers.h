// Which connections the proxy still holds: its ends, as the kernel lists them.
#pragma once
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>

static bool held[65536];   // By the port of the load's end.

static void find_held(unsigned port) {
  static const char *lists[] = {"/proc/net/tcp", "/proc/net/tcp6"};
  for (int i = 0; i < 2; i++) {
    char line[256];
    unsigned own, other, state;
    FILE *list = fopen(lists[i], "r");
    while (list && fgets(line, sizeof line, list))
      if (sscanf(line, " %*d: %*[0-9A-F]:%x %*[0-9A-F]:%x %x", &own, &other, &state) == 3 && own == port &&
          state == TCP_ESTABLISHED)
        held[other & 0xffff] = true;
    if (list) fclose(list);
  }
}

static bool is_held(int fd) {
  struct sockaddr_in address = {0};
  return !getsockname(fd, (void *)&address, &(socklen_t){sizeof address}) && held[ntohs(address.sin_port)];
}
