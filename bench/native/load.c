// The load of the benchmark: one thread, epoll, no library; keeps its own time small beside what it measures.
//
//   load json   port=P conns=N [body=BYTES]                    each connection asks again when it is answered;
//                                                             with an image of so many bytes in base64
//   load stream port=P conns=N events=N pace=MS [wait=MS]      each connection reads a stream, as upstream.c explains
//               [again=MS [spread=MS]]                         and another every so often, begun over so long; 0: at once
//               [stall=1] [leave=ID]                           only one event; leaves in turn, 5 ms apart
//   load idle   port=P conns=N                                 connects and sends nothing
//
// with  warm=MS  before what counts, once all are open: `begin` is printed then
//       ms=MS    how long it counts; 0, and at any time: until standard input ends
//       pids=A,B whose processor time is taken at both ends; upstream=PID likewise
//
// Prints one line of JSON. Times are in microseconds; `added` is an event's age when it is read, by the stamp in it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <sys/epoll.h>
#include "chunks.h"
#include "common.h"
#include "conn.h"
#include "peers.h"
#include "plan.h"
#include "result.h"
#include "unfinished.h"

enum { RAMP = 64, HEAD_BYTES = 8192, READ_BYTES = 262144, MAX_ERRORS = 10000 };
enum { TAIL_BYTES = sizeof STAMP_MARK - 1 + LABEL_BYTES };
enum { LEAVE_EVERY_NS = 5000000 };
#define OPEN_WITHIN_NS 60000000000ull

static uint64_t counting_from;
static void start(struct conn *c);

static void fail(struct conn *c, const char *what) {
  note_error(what);
  shut(c);
  if (is_json && errors < MAX_ERRORS) start(c);
}

// A server may close a connection that it has answered on; that is no error of the next request.
static void reconnect(struct conn *c) {
  reconnects++;
  shut(c);
  start(c);
}

// Whoever is not read any more is watched for being closed all the same.
static void stop_reading(struct conn *c) {
  watch(c, EPOLL_CTL_MOD, EPOLLRDHUP);
  c->state = STALLED;
}

static void mark_open(struct conn *c) {
  if (!c->was_open) c->was_open = true, opened++;
}

static void ask(struct conn *c) {
  char id[LEAVE_DIGITS + 1];
  if (leave && snprintf(id, sizeof id, "%ld", leave + (c - all))) memcpy(request + leave_at, id, LEAVE_DIGITS);
  if (c->state != ASKING) c->sent = c->seen = c->event_at = 0, c->state = ASKING, c->asked_at = nanoseconds();
  while (c->sent < request_length) {
    ssize_t n = write(c->fd, request + c->sent, request_length - c->sent);
    if (n < 0 && errno == EAGAIN) return watch(c, EPOLL_CTL_MOD, EPOLLIN | EPOLLOUT);
    if (n < 0) return c->was_used ? reconnect(c) : fail(c, strerror(errno));
    c->sent += n;
  }
  if (c->sent > HEAD_BYTES) watch(c, EPOLL_CTL_MOD, EPOLLIN);
  c->state = HEAD;
  c->tail_length = 0;
}

static void start(struct conn *c) {
  struct sockaddr_in address = {AF_INET, htons(port), {htonl(INADDR_LOOPBACK)}, {0}};
  c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
  c->state = CONNECTING;
  c->was_used = false;
  alive++;
  if (connect(c->fd, (void *)&address, sizeof address) && errno != EINPROGRESS) return fail(c, strerror(errno));
  watch(c, EPOLL_CTL_ADD, EPOLLOUT);
}

static void connected(struct conn *c) {
  int error = 0;
  getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &(socklen_t){sizeof error});
  if (error) return fail(c, strerror(error));
  watch(c, EPOLL_CTL_MOD, EPOLLIN);
  if (is_idle) mark_open(c), stop_reading(c);
  else if (c->is_resting) c->is_resting = false, c->state = RESTING;
  else ask(c);
}

static void answered(struct conn *c, uint64_t now) {
  if (!is_json && c->seen != events) return fail(c, LACKS_EVENT);
  answers++;
  c->was_used = true;
  if (is_json) {
    mark_open(c);
    if (phase == COUNTING) add(&latency, now - c->asked_at);
  }
  if (is_json) ask(c);
  else if (again) c->state = RESTING;
  else shut(c);
}

// False for one that is not the next of its stream.
static bool saw_event(struct conn *c, uint64_t now, char *label) {
  uint64_t sent_at = strtoull(label, &label, 10);
  long number = strtol(label + 1, NULL, 10), next = c->seen % NUMBERS;
  if (number != next) return fail(c, number > next ? LACKS_EVENT : "a stream that repeats an event"), false;
  if (phase == COUNTING) {
    event_count++;
    add(&added, now - sent_at);
    if (c->event_at) add(&gap, now - c->event_at);
    else add(&first, now - c->asked_at);
  }
  c->event_at = now;
  c->seen++;
  mark_open(c);
  return true;
}

// Looks for stamps behind what is kept of the last read, and keeps what may be the beginning of one.
static void read_body(struct conn *c, char *from, char *raw, char *to, uint64_t now) {
  if (c->body_left < 0) to = take_payload(&c->chunks, raw, to);
  else c->body_left -= to - raw;
  if (phase == COUNTING) bytes += to - raw;
  for (char *mark; (mark = memmem(from, to - from, STAMP_MARK, strlen(STAMP_MARK)));) {
    char *label = mark + strlen(STAMP_MARK);
    if (to - label <= LABEL_BYTES) break;
    if (!saw_event(c, now, label)) return;
    from = label + LABEL_BYTES;
  }
  if (stall && c->was_open) return stop_reading(c);
  if (c->body_left == 0 || c->chunks.part == OVER) return answered(c, now);
  c->tail_length = to - from < TAIL_BYTES ? to - from : TAIL_BYTES;
  memmove(c->tail, to - c->tail_length, c->tail_length);
}

static void read_head(struct conn *c, char *from, char *to, uint64_t now) {
  char *end = memmem(from, to - from, "\r\n\r\n", 4);
  if (!end) {
    if (to - from > HEAD_BYTES) return fail(c, "a head without an end");
    c->tail_length = to - from;
    memmove(c->tail, from, c->tail_length);
    return;
  }
  if (memcmp(from, "HTTP/1.1 200", 12)) return *to = 0, fail(c, from);
  *end = 0;
  char *length = strcasestr(from, "\ncontent-length:");
  c->body_left = length ? atoll(length + strlen("\ncontent-length:")) : -1;
  c->chunks = (struct chunks){SIZE, 0};
  c->state = BODY;
  c->tail_length = 0;
  read_body(c, end + 4, end + 4, to, now);
}

static void receive(struct conn *c) {
  static char in[HEAD_BYTES + READ_BYTES + 1];
  memcpy(in, c->tail, c->tail_length);
  ssize_t n = read(c->fd, in + c->tail_length, READ_BYTES);
  if (n < 0 && errno == EAGAIN) return;
  if (n <= 0) {
    const char *why = n < 0 ? strerror(errno) : "closed before the end";
    c->is_resting = c->state == RESTING;
    return c->is_resting || (c->state == HEAD && !c->tail_length && c->was_used) ? reconnect(c) : fail(c, why);
  }
  char *raw = in + c->tail_length, *to = raw + n;
  if (c->state == BODY) read_body(c, in, raw, to, nanoseconds());
  else read_head(c, in, to, nanoseconds());
}

// Readers that stopped whose peer has closed behind what fills the buffers, so that its end has not arrived.
static void shut_abandoned(void) {
  find_held(port);
  for (struct conn *c = all; c < all + conns; c++)
    if (c->state == STALLED && !is_held(c->fd)) closed_by_peer++, shut(c);
}

// Goes on to the next phase when it is time; false when the run is over.
static bool keep_on(uint64_t now, double *cpu) {
  static uint64_t began, next_at;
  if (!began) began = now;
  if (phase == OPENING && (opened + errors >= conns || now - began > OPEN_WITHIN_NS)) {
    if (opened + errors < conns) fail(&all[conns - 1], "not all were open in time");
    phase = WARMING, next_at = now + warm * NS_PER_MS;
    for (long i = 0; i < conns; i++) all[i].due_at = now + (again + spread * i / conns) * NS_PER_MS;
  }
  if (phase == WARMING && now >= next_at) {
    phase = COUNTING, counting_from = now, next_at = ms ? now + ms * NS_PER_MS : UINT64_MAX;
    answers = 0;
    take_cpu(cpu, -1);
    printf("begin\n"), fflush(stdout);
  }
  for (; phase == COUNTING && leave && left < conns && now >= counting_from + left * LEAVE_EVERY_NS; left++) {
    left_at[left] = nanoseconds();
    shut(&all[left]);
  }
  return phase != COUNTING || (now < next_at && alive > 0);
}

// Asks again where it is due: whoever is still being answered then asks behind that, and has waited since.
static void wake(uint64_t now) {
  for (struct conn *c = all; c < all + started; c++) {
    if (c->state != RESTING || now < c->due_at) continue;
    uint64_t asked_at = c->event_at > c->due_at ? c->due_at : now;
    ask(c);
    c->asked_at = asked_at, c->due_at += again * NS_PER_MS;
  }
}

int main(int argc, char **argv) {
  parse_arguments(argc, argv);
  raise_file_limit();
  signal(SIGPIPE, SIG_IGN);
  prepare_request();
  all = calloc(conns, sizeof *all);
  left_at = calloc(conns, sizeof *left_at);
  for (long i = 0; i < conns; i++) all[i].tail = malloc(HEAD_BYTES);
  epoll_fd = epoll_create1(0);
  epoll_ctl(epoll_fd, EPOLL_CTL_ADD, STDIN_FILENO, &(struct epoll_event){EPOLLIN, {.ptr = NULL}});

  double cpu[3] = {0};
  struct epoll_event ready[512];
  for (bool is_stopped = false; !is_stopped && errors < MAX_ERRORS && keep_on(nanoseconds(), cpu);) {
    while (started < conns && started - opened - errors < RAMP) start(&all[started++]);
    if (again && phase != OPENING) wake(nanoseconds());
    int n = epoll_wait(epoll_fd, ready, 512, 1);
    for (int i = 0; i < n; i++) {
      struct conn *c = ready[i].data.ptr;
      if (!c) is_stopped = true;
      else if (c->state == CONNECTING) connected(c);
      else if (c->state == ASKING && (ready[i].events & EPOLLOUT)) ask(c);
      else if (c->state == STALLED) closed_by_peer++, shut(c);
      else if (c->state != CLOSED) receive(c);
    }
  }
  take_cpu(cpu, 1);
  uint64_t ended_at = nanoseconds();
  judge_unfinished(ended_at);
  if (stall) shut_abandoned();
  print_result((ended_at - counting_from) / 1e9, cpu);
}
