// What the upstream and the load share.
#pragma once
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

// An event carries the moment of its sending, in nanoseconds of CLOCK_MONOTONIC, which is one clock for all processes;
// and behind a '_' its number in its stream, from 0, or the end of it.
enum { STAMP_DIGITS = 19, NUMBER_DIGITS = 8, LABEL_BYTES = STAMP_DIGITS + 1 + NUMBER_DIGITS, NUMBERS = 100000000 };
// Stands before both.
#define STAMP_MARK "\"fp_"

enum { NS_PER_MS = 1000000 };

static inline uint64_t nanoseconds(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static inline void raise_file_limit(void) {
  struct rlimit limit;
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}
