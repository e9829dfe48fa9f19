// A fixed upstream that is not the bottleneck: one thread, epoll, and one timer wheel for every stream.
//
//   upstream [CERTIFICATE KEY]   listens on a free port of 127.0.0.1 and says which; speaks TLS with a certificate
//
// A request's body is its plan. Without `"stream":true` the answer is one chat completion of about 600 bytes; with it,
// `"events":N` chunks, the first at once, and `"wait":MS` later one each `"pace":MS` (at most 2000 each; pace 0: as
// fast as they are read). With `"leave":ID` the moment at which the client's leaving is seen is printed: `left ID
// NANOSECOND`. It is no server for anything else: a request has a content-length, and the next waits for its answer.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "answers.h"
#include "tls.h"
#include "wheel.h"

enum { HEAD_BYTES = 4096, OUT_BYTES = 32768, END_BYTES = 1024, BATCHES_A_TURN = 8 };
enum { NOT_NOW = -1, BROKEN = -2 };

struct conn {
  struct timer timer;          // First, so that a timer's connection is found at its address.
  int fd;
  SSL *ssl;
  bool is_dead, is_flood;
  char head[HEAD_BYTES + 1];   // The request's head and the beginning of its body: the plan stands there.
  size_t head_length;
  long long body_left;         // -1 while the head is incomplete.
  char *out;                   // What the socket has not taken yet; made when first needed.
  size_t out_from, out_to;
  long events_left, events_sent, leave_id;
  uint64_t pace_ticks, answer_id;
  struct conn *next_dead;
};

static int epoll_fd;
static struct conn *dead;

// The memory is given back after the turn: epoll may have told of the connection once more.
static void hang_up(struct conn *c) {
  if (c->is_dead) return;
  if (c->events_left > 0 && c->leave_id >= 0) {
    printf("left %ld %llu\n", c->leave_id, (unsigned long long)nanoseconds());
    fflush(stdout);
  }
  clear_timer(&c->timer);
#ifdef WITH_TLS
  if (c->ssl) SSL_free(c->ssl);
#endif
  close(c->fd);
  c->is_dead = true;
  c->next_dead = dead;
  dead = c;
}

// read or write: how many bytes, 0 at the end, NOT_NOW or BROKEN.
static ssize_t transfer(struct conn *c, void *data, size_t length, bool is_write) {
#ifdef WITH_TLS
  if (c->ssl) {
    int n = is_write ? SSL_write(c->ssl, data, length) : SSL_read(c->ssl, data, length);
    if (n > 0) return n;
    int error = SSL_get_error(c->ssl, n);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return NOT_NOW;
    ERR_clear_error();
    return error == SSL_ERROR_ZERO_RETURN ? 0 : BROKEN;
  }
#endif
  ssize_t n = is_write ? write(c->fd, data, length) : read(c->fd, data, length);
  return n >= 0 ? n : errno == EAGAIN ? NOT_NOW : BROKEN;
}

static void watch(struct conn *c, uint32_t events) {
  epoll_ctl(epoll_fd, EPOLL_CTL_MOD, c->fd, &(struct epoll_event){events, {.ptr = c}});
}

// Writes what is waiting; false when the connection is gone or takes no more.
static bool flush_out(struct conn *c) {
  while (c->out_from < c->out_to) {
    ssize_t n = transfer(c, c->out + c->out_from, c->out_to - c->out_from, true);
    if (n == NOT_NOW) return watch(c, EPOLLIN | EPOLLOUT), false;
    if (n < 0) return hang_up(c), false;
    c->out_from += n;
  }
  c->out_from = c->out_to = 0;
  return true;
}

// Adds to what is to be written; a reader so slow that the buffer is full loses the chunk, and its number tells.
static void put(struct conn *c, const char *data, size_t length) {
  if (!c->out) c->out = malloc(OUT_BYTES);
  if (c->out_to + length > OUT_BYTES) return;
  memcpy(c->out + c->out_to, data, length);
  c->out_to += length;
}

static void put_event(struct conn *c) {
  put(c, labelled_event(c->answer_id, c->events_sent++), event_length);
}

static void put_end(struct conn *c) {
  const char *text = strstr(c->head, "\"include_usage\":true") ? STOP STOP_USAGE DONE : STOP DONE;
  char chunk[END_BYTES];
  put(c, chunk, sprintf(chunk, "%zx\r\n%s\r\n0\r\n\r\n", strlen(text), text));
  c->head_length = c->timer.due = 0;
  c->body_left = -1;
}

static void send_paced(struct timer *t) {
  struct conn *c = (struct conn *)t;
  put_event(c);
  if (--c->events_left > 0) set_timer(t, c->pace_ticks);
  else put_end(c);
  flush_out(c);
}

// A few batches a turn, so that one that is read fast does not starve the others.
static void send_flood(struct conn *c) {
  for (int batch = 0; batch < BATCHES_A_TURN && c->is_flood; batch++) {
    for (; c->events_left > 0 && c->out_to + event_length + END_BYTES < OUT_BYTES; c->events_left--)
      put_event(c);
    if (c->events_left == 0) c->is_flood = false, put_end(c), watch(c, EPOLLIN);
    if (!flush_out(c)) return;
  }
}

static long plan_number(struct conn *c, const char *name, long otherwise) {
  char *at = strstr(c->head, name);
  return at ? atol(at + strlen(name)) : otherwise;
}

static void answer(struct conn *c) {
  static double phase;
  static uint64_t answers;
  c->answer_id = ++answers;
  if (!strstr(c->head, "\"stream\":true")) {
    put(c, completion, completion_length);
    c->head_length = 0;
    c->body_left = -1;
    flush_out(c);
    return;
  }
  long pace_ms = plan_number(c, "\"pace\":", 10);
  c->pace_ticks = to_ticks(pace_ms);
  c->events_left = plan_number(c, "\"events\":", 1) - 1;
  c->leave_id = plan_number(c, "\"leave\":", -1);
  c->events_sent = 0;
  put(c, STREAM_HEAD, strlen(STREAM_HEAD));
  put_event(c);
  if (c->events_left <= 0) {
    put_end(c);
  } else if (pace_ms == 0) {
    c->is_flood = true;
    return watch(c, EPOLLIN | EPOLLOUT);
  } else {
    // Streams that began together go on spread over their pace, as those of many users would.
    phase += 0.6180339887;
    phase -= (long)phase;
    set_timer(&c->timer, to_ticks(plan_number(c, "\"wait\":", 0)) + phase * c->pace_ticks);
  }
  flush_out(c);
}

// Takes the head and the beginning of the body into `head`, and only counts the rest.
static void receive(struct conn *c) {
  static char rest[262144];
  for (;;) {
    bool is_rest = c->events_left > 0 || (c->head_length == HEAD_BYTES && c->body_left > 0);
    char *into = is_rest ? rest : c->head + c->head_length;
    ssize_t n = transfer(c, into, is_rest ? sizeof rest : HEAD_BYTES - c->head_length, false);
    if (n == NOT_NOW) return;
    if (n <= 0) return hang_up(c);
    if (c->events_left > 0) continue;
    if (!is_rest) c->head[c->head_length += n] = 0;
    if (c->body_left < 0) {
      char *end = strstr(c->head, "\r\n\r\n"), *length = strcasestr(c->head, "\ncontent-length:");
      if (!end) continue;
      c->body_left = length && length < end ? atoll(length + strlen("\ncontent-length:")) : 0;
      n = c->head + c->head_length - (end + 4);
    }
    if ((c->body_left -= n) <= 0) return answer(c);
  }
}

static void serve(struct conn *c, uint32_t events) {
  if (c->is_dead) return;
  if ((events & EPOLLOUT) && flush_out(c)) {
    if (c->is_flood) send_flood(c);
    else watch(c, EPOLLIN);
  }
  if (!c->is_dead && (events & ~EPOLLOUT)) receive(c);
}

static void accept_all(int listener) {
  int fd;
  while ((fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct conn *c = calloc(1, sizeof *c);
    c->fd = fd;
    c->body_left = -1;
#ifdef WITH_TLS
    if (tls && (c->ssl = SSL_new(tls))) SSL_set_fd(c->ssl, fd), SSL_set_accept_state(c->ssl);
#endif
    epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &(struct epoll_event){EPOLLIN, {.ptr = c}});
  }
}

int main(int argc, char **argv) {
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN);
  prepare_answers();
  if (argc > 2) prepare_tls(argv + 1);

  int listener = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t size = sizeof address;
  if (bind(listener, (void *)&address, size) || listen(listener, 4096)) return perror("upstream"), 1;
  getsockname(listener, (void *)&address, &size);
  epoll_fd = epoll_create1(0);
  wheel_fd = timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK);
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, listener, &(struct epoll_event){EPOLLIN, {.ptr = &listener}});
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wheel_fd, &(struct epoll_event){EPOLLIN, {.ptr = &wheel_fd}});
  printf("listening at %s://127.0.0.1:%d\n", argc > 2 ? "https" : "http", ntohs(address.sin_port));
  fflush(stdout);

  struct epoll_event events[512];
  for (;;) {
    int n = epoll_wait(epoll_fd, events, 512, -1);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr == &listener) accept_all(listener);
      else if (events[i].data.ptr == &wheel_fd) turn_wheel(send_paced);
      else serve(events[i].data.ptr, events[i].events);
    }
    for (struct conn *c; (c = dead); free(c->out), free(c)) dead = c->next_dead;
  }
}
