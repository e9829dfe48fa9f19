// What a run of the load is asked for, and the one request that it sends.
#pragma once
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define QUESTION "What does a proxy do that holds a key?"

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

// As that of an image: nothing repeats itself, and no run's is another than the last's.
static void fill_base64(char *at, long count) {
  static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  uint64_t random = 88172645463325252;
  for (long i = 0; i < count; i++) {
    random ^= random << 13, random ^= random >> 7, random ^= random << 17;
    at[i] = letters[random >> 58];
  }
  at[count] = 0;
}

// The user's message: a question, and with `body` an image beside it.
static char *create_content(void) {
  if (!body) return strdup("\"" QUESTION " \"");
  char *image = malloc(body + 1), *content;
  fill_base64(image, body);
  if (asprintf(&content, "[{\"type\":\"text\",\"text\":\"" QUESTION "\"},"
      "{\"type\":\"image_url\",\"image_url\":{\"url\":\"data:image/png;base64,%s\"}}]", image) < 0) exit(1);
  free(image);
  return content;
}

static void prepare_request(void) {
  char *content = create_content(), *text, who[32] = "";
  if (leave) sprintf(who, "\"leave\":%ld,", leave);
  int length = asprintf(&text, "{\"model\":\"bench\",\"stream\":%s,%s\"events\":%ld,\"pace\":%ld,\"wait\":%ld,"
    "\"messages\":[{\"role\":\"system\",\"content\":\"You are a helpful assistant.\"},"
    "{\"role\":\"user\",\"content\":%s}]}",
    is_json ? "false" : "true", who, events, pace, wait_ms, content);
  request_length = asprintf(&request, "POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\n"
    "authorization: Bearer ks-bench-client\r\ncontent-type: application/json\r\naccept: application/json\r\n"
    "user-agent: OpenAI/JS 7.57.0\r\nx-stainless-lang: js\r\ncontent-length: %d\r\n\r\n%s", length, text);
  if (leave) leave_at = strstr(request, "\"leave\":") + strlen("\"leave\":") - request;
  free(content), free(text);
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
