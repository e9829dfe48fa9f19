// Takes chunked transfer coding away: a proxy may cut where it likes, also inside of what the load looks for.
#pragma once
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum chunk_part { SIZE, DATA, LINE_END, LAST_LINE, OVER };

struct chunks {
  enum chunk_part part;
  long long left;   // Of this chunk; while its size is read, the size so far.
};

static int hex_digit(char c) {
  return c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : -1;
}

// Moves the payload to the front and returns its end; `part` is OVER behind the last chunk. There are no trailers.
static char *take_payload(struct chunks *k, char *from, char *to) {
  char *end = from;
  for (char *at = from; at < to;) {
    if (k->part == DATA) {
      size_t n = to - at < k->left ? to - at : k->left;
      memmove(end, at, n);
      end += n, at += n;
      if ((k->left -= n) == 0) k->part = LINE_END;
    } else if (*at++ == '\n') {
      if (k->part == SIZE) k->part = k->left > 0 ? DATA : LAST_LINE;
      else k->part = k->part == LAST_LINE ? OVER : SIZE;
    } else if (k->part == SIZE && hex_digit(at[-1]) >= 0) {
      k->left = 16 * k->left + hex_digit(at[-1]);
    }
  }
  return end;
}
