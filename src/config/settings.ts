import { availableParallelism } from 'node:os'

import { isTimeZone } from '../usage/calendar.ts'
import { boundsShape } from './bounds.ts'
import { budgetsShape } from './budget-settings.ts'
import { isRedisUrl } from './origin.ts'
import { milliseconds, settingInfo, wholeNumber } from './setting-kinds.ts'
import { z } from './zod.ts'

/** Log levels that pino knows; `silent` turns the log off. */
const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const

const flag = z.union([z.boolean(), z.enum(['true', 'false']).transform((text) => text === 'true')])

const list = z.union([
  z.array(z.string()),
  z.string().transform((text) =>
    text
      .split(',')
      .map((item) => item.trim())
      .filter((item) => item !== ''),
  ),
])

/**
 * Every setting that is not a secret: the key in `config/keystow.yaml`, its environment variable,
 * default, shape and meaning. The tables in the READMEs are checked against this one.
 */
export const settingsShape = {
  upstreamUrl: z.string().default('https://api.openai-hk.com').register(settingInfo, {
    env: 'UPSTREAM_URL',
    expected: 'an origin such as https://api.openai-hk.com, without a path',
    meaning: 'Origin of the upstream; `http:` only to a private or loopback address.',
  }),
  host: z.string().min(1).default('127.0.0.1').register(settingInfo, {
    env: 'HOST',
    expected: 'an address to listen on',
    meaning: 'Address to listen on; the image sets `0.0.0.0`.',
  }),
  port: wholeNumber(0, 65_535).default(8787).register(settingInfo, {
    env: 'PORT',
    expected: 'a whole number from 0 to 65535',
    meaning: 'Port to listen on.',
  }),
  workers: z
    .union([
      z.literal('auto').transform(() => Math.min(availableParallelism(), 64)),
      wholeNumber(1, 64),
    ])
    .default(1)
    .register(settingInfo, {
      env: 'WORKERS',
      expected: 'a whole number from 1 to 64, or auto',
      meaning:
        'Event loops that serve; `auto` is one for each core this process may use. Each has an equal part of `CONNECTION_LIMIT`, `CONNECTION_LIMIT_PER_ADDRESS` and `UPSTREAM_CONNECTIONS`, one at least.',
    }),
  openAccess: flag.default(false).register(settingInfo, {
    env: 'OPEN_ACCESS',
    expected: 'true or false',
    meaning: 'Lets callers without a token in, one client per address.',
  }),
  allowedOrigins: list.default([]).register(settingInfo, {
    env: 'ALLOWED_ORIGINS',
    expected: 'exact origins such as https://app.example.com, comma-separated, or *',
    meaning:
      'Browser origins that may call; `*` only together with tokens, or on a loopback `HOST`.',
  }),
  rateLimitPerMinute: wholeNumber(0, 1_000_000).default(60).register(settingInfo, {
    env: 'RATE_LIMIT_PER_MINUTE',
    expected: 'a whole number from 0 (no limit) to 1000000',
    meaning: 'Requests a minute for each client; `0` is no limit.',
  }),
  concurrencyLimit: wholeNumber(0, 100_000).default(16).register(settingInfo, {
    env: 'CONCURRENCY_LIMIT',
    expected: 'a whole number from 0 (no limit) to 100000',
    meaning: 'Requests in flight for each client; `0` is no limit.',
  }),
  ...budgetsShape,
  authFailureLimitPerMinute: wholeNumber(1, 1_000_000).default(20).register(settingInfo, {
    env: 'AUTH_FAILURE_LIMIT_PER_MINUTE',
    expected: 'a whole number from 1 to 1000000',
    meaning:
      'Missing or unknown tokens a minute from one address before it is answered 429 instead of 401.',
  }),
  bodyLimitMb: wholeNumber(1, 1024).default(32).register(settingInfo, {
    env: 'BODY_LIMIT_MB',
    expected: 'a whole number from 1 to 1024',
    meaning: 'Larger request bodies get 413 (MiB).',
  }),
  trustProxy: list.default([]).register(settingInfo, {
    env: 'TRUST_PROXY',
    expected: 'addresses or CIDRs such as 10.0.0.0/8, comma-separated',
    meaning: 'Proxies whose `X-Forwarded-For` is believed.',
  }),
  redisUrl: z.string().refine(isRedisUrl).optional().register(settingInfo, {
    env: 'REDIS_URL',
    expected: 'a URL such as redis://127.0.0.1:6379',
    meaning: 'Shares limits between instances.',
  }),
  redisFailureMode: z.enum(['open', 'closed']).default('open').register(settingInfo, {
    env: 'REDIS_FAILURE_MODE',
    expected: 'open or closed',
    meaning:
      'While Redis is away: `open` keeps limits in this process, `closed` answers 503 until it is back.',
  }),
  dataDir: z.string().min(1).default('data').register(settingInfo, {
    env: 'DATA_DIR',
    expected: 'a folder',
    meaning:
      'Where what must outlive a restart is kept: the ledger. One process has it at a time; another keeps its ledger in memory, or with budgets does not start.',
  }),
  ledgerRetentionDays: wholeNumber(1, 3650).default(400).register(settingInfo, {
    env: 'LEDGER_RETENTION_DAYS',
    expected: 'a whole number from 1 to 3650',
    meaning: 'How long the ledger keeps an entry (days).',
  }),
  timeZone: z.string().refine(isTimeZone).default('UTC').register(settingInfo, {
    env: 'TIME_ZONE',
    expected: 'a time zone such as Asia/Shanghai',
    meaning: "The ledger's days and months are those of this time zone.",
  }),
  pricingFile: z.string().min(1).optional().register(settingInfo, {
    env: 'PRICING_FILE',
    expected: 'the name of a file',
    meaning: 'Prices of models; without it those of `config/pricing.yaml`.',
  }),
  accountUrl: z.string().min(1).optional().register(settingInfo, {
    env: 'ACCOUNT_URL',
    expected: 'an origin such as https://www.openai-hk.com, without a path',
    meaning:
      'Host of the account pages, whose log of calls `npm run reconcile` reads with the key; without it `https://www.openai-hk.com` if `UPSTREAM_URL` is its default.',
  }),
  upstreamConnectTimeoutMs: milliseconds(1).default(5000).register(settingInfo, {
    env: 'UPSTREAM_CONNECT_TIMEOUT_MS',
    expected: 'milliseconds, from 1 to a day',
    meaning: 'How long connecting to the upstream may take (ms).',
  }),
  upstreamFirstByteTimeoutMs: milliseconds(1).default(600_000).register(settingInfo, {
    env: 'UPSTREAM_FIRST_BYTE_TIMEOUT_MS',
    expected: 'milliseconds, from 1 to a day',
    meaning: 'How long the upstream may take to begin its answer (ms).',
  }),
  upstreamIdleTimeoutMs: milliseconds(1).default(120_000).register(settingInfo, {
    env: 'UPSTREAM_IDLE_TIMEOUT_MS',
    expected: 'milliseconds, from 1 to a day',
    meaning:
      'How long an answer that has begun may be silent, or an upload not be taken (ms). There is no total.',
  }),
  upstreamConnections: wholeNumber(1, 100_000).default(10_000).register(settingInfo, {
    env: 'UPSTREAM_CONNECTIONS',
    expected: 'a whole number from 1 to 100000',
    meaning: 'Connections to one upstream origin; further requests wait for one.',
  }),
  ...boundsShape,
  sseHeartbeatMs: milliseconds(0).default(15_000).register(settingInfo, {
    env: 'SSE_HEARTBEAT_MS',
    expected: 'milliseconds, 0 turns it off',
    meaning: 'A comment line after this much silence in a stream (ms); `0` turns it off.',
  }),
  drainTimeoutMs: milliseconds(0).default(30_000).register(settingInfo, {
    env: 'DRAIN_TIMEOUT_MS',
    expected: 'milliseconds, from 0 to a day',
    meaning: 'How long running streams may go on after SIGTERM (ms).',
  }),
  logLevel: z
    .enum(LOG_LEVELS)
    .default('info')
    .register(settingInfo, {
      env: 'LOG_LEVEL',
      expected: LOG_LEVELS.join(', '),
      meaning: "pino's level.",
    }),
}

export type SettingName = keyof typeof settingsShape

export type Settings = z.output<z.ZodObject<typeof settingsShape>>
