// The texts that the upstream sends: one chat completion, or the chunks of a stream.
#pragma once
#include <stdio.h>
#include <string.h>
#include "common.h"

#define HEADERS \
  "date: Thu, 01 Jan 2026 00:00:00 GMT\r\n" \
  "x-request-id: req_0123456789abcdef\r\n" \
  "openai-processing-ms: 12\r\n" \
  "openai-version: 2020-10-01\r\n\r\n"
#define ID_MARK "chatcmpl-bench"
#define ID "\"id\":\"" ID_MARK "0000000000000000\",\"created\":1700000000,\"model\":\"bench\","
#define CHUNK "data: {\"object\":\"chat.completion.chunk\"," ID
#define USAGE "\"usage\":{\"prompt_tokens\":25,\"completion_tokens\":100,\"total_tokens\":125}"

#define STREAM_HEAD \
  "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n" HEADERS
#define EVENT_BEFORE CHUNK "\"system_fingerprint\":" STAMP_MARK
#define EVENT_BEHIND \
  "\",\"choices\":[{\"index\":0,\"delta\":{\"content\":\" token\"},\"logprobs\":null,\"finish_reason\":null}]}\n\n"
#define STOP CHUNK "\"choices\":[{\"index\":0,\"delta\":{},\"logprobs\":null,\"finish_reason\":\"stop\"}]}\n\n"
#define STOP_USAGE CHUNK "\"choices\":[]," USAGE "}\n\n"
#define DONE "data: [DONE]\n\n"

#define COMPLETION \
  "{\"object\":\"chat.completion\"," ID "\"choices\":[{\"index\":0,\"message\":{\"role\":\"assistant\",\"content\":" \
  "\"A proxy stands between a client and a server and passes on what each of them has to say. One that holds a key " \
  "does so that the client never has to: the key is put in on the way up and looked for on the way down, and nobody " \
  "who sees the page can take it away.\",\"refusal\":null,\"annotations\":[]},\"logprobs\":null," \
  "\"finish_reason\":\"stop\"}]," USAGE ",\"service_tier\":\"default\"}"

static char event_text[1024], completion[2048];
enum { ID_DIGITS = 16 };
static size_t event_length, completion_length, id_at, stamp_at;

static void prepare_answers(void) {
  size_t length = strlen(EVENT_BEFORE) + LABEL_BYTES + strlen(EVENT_BEHIND);
  stamp_at = sprintf(event_text, "%zx\r\n%s", length, EVENT_BEFORE);
  event_length = stamp_at + sprintf(event_text + stamp_at, "%0*d_%0*d%s\r\n", STAMP_DIGITS, 0, NUMBER_DIGITS, 0,
                                    EVENT_BEHIND);
  id_at = strstr(event_text, ID_MARK) - event_text + strlen(ID_MARK);
  completion_length = sprintf(completion,
      "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %zu\r\n" HEADERS "%s",
      strlen(COMPLETION), COMPLETION);
}

static void put_digits(char *at, int count, uint64_t number) {
  for (int i = count - 1; i >= 0; i--, number /= 10) at[i] = '0' + number % 10;
}

// The chunk of a token, sent now: of an answer with an id of its own, as every model's is.
static const char *labelled_event(uint64_t id, long number) {
  put_digits(event_text + id_at, ID_DIGITS, id);
  put_digits(event_text + stamp_at, STAMP_DIGITS, nanoseconds());
  put_digits(event_text + stamp_at + STAMP_DIGITS + 1, NUMBER_DIGITS, number);
  return event_text;
}
