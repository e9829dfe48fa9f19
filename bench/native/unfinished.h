// What of the streams is still due when a run ends: where nothing follows, no gap in their numbers tells of it.
#pragma once
#include <stdint.h>
#include "common.h"
#include "conn.h"
#include "plan.h"
#include "samples.h"

#define LACKS_EVENT "a stream that lacks an event"
// Later than this is not late but lost: no proxy that is measured holds an event back for so long.
enum { LOST_PACES = 3 };
#define LOST_AT_LEAST_NS 2000000000ull

// A paced stream that has gone silent has failed. An event that is only late counts as old as it is by now.
static void judge_unfinished(uint64_t now) {
  if (is_json || is_idle || pace == 0) return;
  uint64_t every = pace * NS_PER_MS, lost = LOST_PACES * every;
  if (lost < LOST_AT_LEAST_NS) lost = LOST_AT_LEAST_NS;
  for (struct conn *c = all; c < all + started; c++) {
    if (c->state != HEAD && c->state != BODY) continue;
    uint64_t due = c->event_at ? c->event_at + every : c->asked_at + wait_ms * NS_PER_MS;
    if (now <= due) continue;
    if (now - due > lost) note_error(LACKS_EVENT);
    else if (phase == COUNTING && c->event_at && c->seen < events) add(&added, now - due);
  }
}
