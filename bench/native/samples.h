// Durations, kept whole: percentiles of a few hundred thousand are a sort away.
#pragma once
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

struct samples {
  float *us;
  size_t count, room;
};

static void add(struct samples *s, uint64_t ns) {
  if (s->count == s->room) s->us = realloc(s->us, (s->room = s->room ? 2 * s->room : 4096) * sizeof *s->us);
  s->us[s->count++] = ns / 1e3f;
}

static int compare(const void *a, const void *b) {
  float x = *(const float *)a, y = *(const float *)b;
  return (x > y) - (x < y);
}

static float percentile(const struct samples *s, double share) {
  size_t at = share * s->count;
  return s->us[at < s->count ? at : s->count - 1];
}

static double mean(const struct samples *s) {
  double sum = 0;
  for (size_t i = 0; i < s->count; i++) sum += s->us[i];
  return sum / s->count;
}

static void print_samples(const char *name, struct samples *s) {
  printf("\"%s\":{\"count\":%zu", name, s->count);
  if (s->count > 0) {
    qsort(s->us, s->count, sizeof *s->us, compare);
    printf(",\"mean\":%.1f,\"p50\":%.1f,\"p99\":%.1f,\"max\":%.1f",
           mean(s), percentile(s, 0.5), percentile(s, 0.99), s->us[s->count - 1]);
  }
  printf("},");
}
