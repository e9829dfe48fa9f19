// A connection of the load, and what is true of all of them.
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>
#include "chunks.h"
#include "result.h"

enum state { CLOSED, CONNECTING, ASKING, HEAD, BODY, RESTING, STALLED };
enum { OPENING, WARMING, COUNTING };

struct conn {
  enum state state;
  int fd;
  bool was_open, was_used;   // Counted as open; answered on at least once.
  bool is_resting;           // Is to be connected, and to ask when it is due.
  size_t sent, tail_length;
  long seen;                 // Events of this stream.
  char *tail;                // The head so far, or the end of what was read of the body.
  long long body_left;       // -1: chunked.
  struct chunks chunks;
  uint64_t asked_at, event_at, due_at;
};

static int epoll_fd, phase;
static long started;
static struct conn *all;

static void note_error(const char *what) {
  if (errors++ == 0) snprintf(first_error, sizeof first_error, "%.*s", (int)strcspn(what, "\r\"\\"), what);
}

static void watch(struct conn *c, int operation, uint32_t what) {
  epoll_ctl(epoll_fd, operation, c->fd, &(struct epoll_event){what, {.ptr = c}});
}

static void shut(struct conn *c) {
  if (c->state == CLOSED) return;
  close(c->fd);
  c->state = CLOSED;
  alive--;
}
