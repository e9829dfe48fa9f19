// What a run of the load counts, and the line that tells it.
#pragma once
#include "plan.h"
#include "samples.h"

static long opened, alive, answers, event_count, bytes, errors, reconnects, closed_by_peer, left;
static char first_error[128];
static uint64_t *left_at;
static struct samples latency, first, added, gap;

static void print_result(double seconds, const double *cpu) {
  printf("{\"seconds\":%.3f,\"answers\":%ld,\"events\":%ld,\"bytes\":%ld,\"opened\":%ld,",
         seconds, answers, event_count, bytes, opened);
  printf("\"alive\":%ld,\"errors\":%ld,\"error\":\"%s\",\"reconnects\":%ld,\"closedByPeer\":%ld,",
         alive, errors, first_error, reconnects, closed_by_peer);
  printf("\"cpuUs\":%.0f,\"upstreamCpuUs\":%.0f,\"loadCpuUs\":%.0f,", cpu[0], cpu[1], cpu[2]);
  print_samples("latency", &latency);
  print_samples("first", &first);
  print_samples("added", &added);
  print_samples("gap", &gap);
  printf("\"left\":[");
  for (long i = 0; i < left; i++) printf("%s[%ld,%llu]", i ? "," : "", leave + i, (unsigned long long)left_at[i]);
  printf("]}\n");
}
