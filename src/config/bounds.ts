import { milliseconds, settingInfo, wholeNumber } from './setting-kinds.ts'

/** How much one caller, one connection or one answer may take of the process. */
export const boundsShape = {
  headerLimitKb: wholeNumber(1, 1024).default(16).register(settingInfo, {
    env: 'HEADER_LIMIT_KB',
    expected: 'a whole number from 1 to 1024',
    meaning: 'Larger request heads, the request line included, get 431 (KiB).',
  }),
  headerCountLimit: wholeNumber(1, 10_000).default(100).register(settingInfo, {
    env: 'HEADER_COUNT_LIMIT',
    expected: 'a whole number from 1 to 10000',
    meaning: 'Requests with more headers get 431.',
  }),
  headerTimeoutMs: milliseconds(1).default(30_000).register(settingInfo, {
    env: 'HEADER_TIMEOUT_MS',
    expected: 'milliseconds, from 1 to a day',
    meaning:
      'How long a request head, or the first byte on a new connection, may take to arrive (ms).',
  }),
  requestTimeoutMs: milliseconds(1).default(300_000).register(settingInfo, {
    env: 'REQUEST_TIMEOUT_MS',
    expected: 'milliseconds, from 1 to a day',
    meaning: 'How long a whole request, head and body, may take to arrive (ms).',
  }),
  keepAliveTimeoutMs: milliseconds(1).default(72_000).register(settingInfo, {
    env: 'KEEP_ALIVE_TIMEOUT_MS',
    expected: 'milliseconds, from 1 to a day',
    meaning: 'How long a connection is kept for the next request (ms).',
  }),
  requestsPerConnection: wholeNumber(1, 1_000_000).default(1000).register(settingInfo, {
    env: 'REQUESTS_PER_CONNECTION',
    expected: 'a whole number from 1 to 1000000',
    meaning: 'Requests on one connection; the answer to the last closes it.',
  }),
  connectionLimit: wholeNumber(0, 1_000_000).default(10_000).register(settingInfo, {
    env: 'CONNECTION_LIMIT',
    expected: 'a whole number from 0 (no limit) to 1000000',
    meaning:
      'Connections of clients. For one more, the one without a request for the longest is closed.',
  }),
  connectionLimitPerAddress: wholeNumber(0, 1_000_000).default(1000).register(settingInfo, {
    env: 'CONNECTION_LIMIT_PER_ADDRESS',
    expected: 'a whole number from 0 (no limit) to 1000000',
    meaning: 'The same for each address (IPv6: /64), except loopback and `TRUST_PROXY`.',
  }),
  inFlightLimit: wholeNumber(0, 1_000_000).default(10_000).register(settingInfo, {
    env: 'IN_FLIGHT_LIMIT',
    expected: 'a whole number from 0 (no limit) to 1000000',
    meaning: 'Requests in flight for all clients together; more get 503.',
  }),
  bodyMemoryLimitMb: wholeNumber(0, 1_000_000).default(512).register(settingInfo, {
    env: 'BODY_MEMORY_LIMIT_MB',
    expected: 'a whole number from 0 (no limit) to 1000000',
    meaning:
      'Memory for the bodies of all requests in flight, the first 64 KiB of each not counted; more get 503 (MiB). Never less than three times the `BODY_LIMIT_MB` that the process was started with.',
  }),
  clientWriteTimeoutMs: milliseconds(1).default(120_000).register(settingInfo, {
    env: 'CLIENT_WRITE_TIMEOUT_MS',
    expected: 'milliseconds, from 1 to a day',
    meaning: 'How long a client may leave unread what was written to it before it is cut off (ms).',
  }),
  upstreamHeaderLimitKb: wholeNumber(1, 1024).default(32).register(settingInfo, {
    env: 'UPSTREAM_HEADER_LIMIT_KB',
    expected: 'a whole number from 1 to 1024',
    meaning: 'Answers with larger headers become 502 (KiB).',
  }),
  upstreamHeaderCountLimit: wholeNumber(1, 10_000).default(200).register(settingInfo, {
    env: 'UPSTREAM_HEADER_COUNT_LIMIT',
    expected: 'a whole number from 1 to 10000',
    meaning: 'Answers with more headers become 502.',
  }),
  maxEventLoopDelayMs: milliseconds(0).default(1000).register(settingInfo, {
    env: 'MAX_EVENT_LOOP_DELAY_MS',
    expected: 'milliseconds, 0 turns it off',
    meaning:
      'New requests get 503 while the event loop is behind by more than this (ms), and those that have waited for their turn for longer; `0` turns it off.',
  }),
}
