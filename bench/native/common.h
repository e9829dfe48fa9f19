// What the upstream and the load share.
#pragma once
#include <stdint.h>
#include <sys/resource.h>
#include <time.h>

enum { STAMP_DIGITS = 19 };
// Stands before the moment of sending, in nanoseconds of CLOCK_MONOTONIC, which is one clock for all processes.
#define STAMP_MARK "\"fp_"

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
