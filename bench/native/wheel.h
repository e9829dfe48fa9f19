// One timer for every stream there is: a wheel of slots, one each 250 µs, that stands still while it is empty.
#pragma once
#include <sys/timerfd.h>
#include <unistd.h>
#include "common.h"

enum { TICK_US = 250, SLOTS = 16384, MAX_TICKS = SLOTS / 2 };

struct timer {
  uint64_t due;                 // In ticks.
  struct timer *next, **link;   // In its slot; no link while it is not set.
};

static int wheel_fd;
static uint64_t now_tick;
static long timers_set;
static struct timer *slots[SLOTS];

static inline uint64_t current_tick(void) { return nanoseconds() / (TICK_US * 1000); }

static inline void set_wheel_period(long ns) {
  struct itimerspec period = {{0, ns}, {0, ns}};
  timerfd_settime(wheel_fd, 0, &period, NULL);
}

static inline uint64_t to_ticks(long ms) {
  uint64_t ticks = ms * 1000 / TICK_US;
  return ticks < MAX_TICKS ? ticks : MAX_TICKS;
}

static void clear_timer(struct timer *t) {
  if (!t->link) return;
  if ((*t->link = t->next)) t->next->link = t->link;
  t->link = NULL;
  if (--timers_set == 0) set_wheel_period(0);
}

// Counts from when it was due last, so that a late event does not make all later ones late.
static void set_timer(struct timer *t, uint64_t ticks) {
  if (timers_set++ == 0) now_tick = current_tick(), set_wheel_period(TICK_US * 1000);
  t->due = (t->due ? t->due : now_tick) + ticks;
  if (t->due <= now_tick) t->due = now_tick + 1;
  struct timer **slot = &slots[t->due % SLOTS];
  if ((t->next = *slot)) t->next->link = &t->next;
  *slot = t;
  t->link = slot;
}

static void turn_wheel(void (*fire)(struct timer *)) {
  uint64_t expired, target = current_tick();
  if (read(wheel_fd, &expired, sizeof expired) < 0) return;
  while (timers_set > 0 && now_tick < target) {
    for (struct timer *t = slots[++now_tick % SLOTS], *next; t; t = next) {
      next = t->next;
      clear_timer(t);
      fire(t);
    }
  }
}
