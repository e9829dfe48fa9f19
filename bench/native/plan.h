// What a run of the load is asked for, and the one request that it sends.
#pragma once
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MAX_PIDS = 64, LEAVE_DIGITS = 6 };

static long port, conns, warm, ms, body, events, pace, wait_ms, again, stall, leave, spread, upstream, pids[MAX_PIDS];
static bool is_json, is_idle;
static char *request;
static size_t request_length, leave_at;

static void parse_arguments(int argc, char **argv) {
  static const struct { const char *name; long *value; } options[] = {
    {"port", &port}, {"conns", &conns}, {"warm", &warm}, {"ms", &ms}, {"body", &body}, {"events", &events},
    {"pace", &pace}, {"wait", &wait_ms}, {"again", &again}, {"stall", &stall}, {"leave", &leave},
    {"spread", &spread}, {"upstream", &upstream}};
  is_json = argc > 1 && !strcmp(argv[1], "json");
  is_idle = argc > 1 && !strcmp(argv[1], "idle");
  for (int i = 2; i < argc; i++) {
    char *value = strchrnul(argv[i], '=');
    *value++ = 0;
    for (size_t k = 0; k < sizeof options / sizeof *options; k++)
      if (!strcmp(argv[i], options[k].name)) *options[k].value = atol(value);
    if (!strcmp(argv[i], "pids"))
      for (int k = 0; k < MAX_PIDS && *value; k++) pids[k] = strtol(value, &value, 10), value += *value == ',';
  }
}

static void prepare_request(void) {
  char *filling = malloc(body + 1), *text, who[32] = "";
  memset(filling, 'A', body);
  filling[body] = 0;
  if (leave) sprintf(who, "\"leave\":%ld,", leave);
  int length = asprintf(&text, "{\"model\":\"bench\",\"stream\":%s,%s\"events\":%ld,\"pace\":%ld,\"wait\":%ld,"
    "\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},"
    "{\"role\":\"user\",\"content\":\"What does a proxy do that holds a key? %s\"}]}",
    is_json ? "false" : "true", who, events, pace, wait_ms, filling);
  request_length = asprintf(&request, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    "authorization: Bearer ks-bench-client\r\ncontent-type: application/json\r\naccept: application/json\r\n"
    "user-agent: OpenAI/JS 7.57.0\r\nx-stainless-lang: js\r\ncontent-length: %d\r\n\r\n%s", length, text);
  if (leave) leave_at = strstr(request, "\"leave\":") + strlen("\"leave\":") - request;
  free(filling), free(text);
}

// Processor time of a process, all its threads, the ended ones too.
static double cpu_us(long pid) {
  clockid_t clock;
  struct timespec t = {0};
  if (pid == 0 || clock_getcpuclockid(pid, &clock) || clock_gettime(clock, &t)) return 0;
  return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

// Of the processes that were named, of the upstream, and the load's own.
static void take_cpu(double *taken, double sign) {
  for (int i = 0; i < MAX_PIDS; i++) taken[0] += sign * cpu_us(pids[i]);
  taken[1] += sign * cpu_us(upstream);
  taken[2] += sign * cpu_us(getpid());
}
