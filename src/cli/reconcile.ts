import { Agent } from 'undici'

import type { Config } from '../config/config.ts'
import { parseConfig } from '../config/load.ts'
import { readServerInputs } from '../config/read-inputs.ts'
import { connectionOptions } from '../proxy/upstream-connection.ts'
import { type Account, findAccount } from '../reconcile/account.ts'
import { type BilledCall, CallLogError, readCallLog } from '../reconcile/call-log.ts'
import { reconcile } from '../reconcile/reconcile.ts'
import { formatReport } from '../reconcile/report.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import { createRedisLedgerStore } from '../stores/redis-ledger/store.ts'
import { attachSqliteLedger } from '../stores/sqlite-ledger/attach.ts'
import { createCalendar } from '../usage/calendar.ts'
import { readDateRange } from '../usage/date-range.ts'
import { failUsage, readArguments } from './arguments.ts'
import { EXIT_CONFIG } from './exit-codes.ts'

const USAGE = `npm run reconcile -- [options]

Compares the ledger with the provider's own log of calls (ACCOUNT_URL), day by day and model by model, and puts what
the provider billed in the place of what was estimated. May run beside the server, and as often as you like.

  --from=2026-11-23  the first day, of TIME_ZONE; yesterday without it
  --to=2026-11-24    the last day; today without it
  --dry-run          changes nothing
  --json             prints JSON instead of a table
  --help             prints this
`

const DAY_MS = 86_400_000

const REDIS_TIMEOUT_MS = 5000

const options = readArguments({
  usage: USAGE,
  options: { from: 'string', to: 'string', 'dry-run': 'boolean', json: 'boolean' },
})
const config = readConfig()
const calendar = createCalendar(config.timeZone)
const { from, to } = readRange()
const account = readAccount()
const ledger = await openLedger()
try {
  const differences = await reconcile({
    ledger,
    calls: readAllLogs(account),
    isOwnPath: (path) => account.isOwnPath(path),
    modelOf: (path) => account.modelOf(path),
    pricing: config.pricing,
    calendar,
    from,
    to,
    isDryRun: options.isSet('dry-run'),
  })
  process.stdout.write(
    options.isSet('json')
      ? `${JSON.stringify({ data: differences })}\n`
      : formatReport(differences),
  )
} catch (error) {
  const isOfRedis = config.redisUrl !== undefined && error instanceof Error
  if (error instanceof CallLogError) fail(1, error.message)
  else if (isOfRedis) fail(1, `REDIS_URL: Redis does not answer (${error.message}); run it again`)
  throw error
}
await ledger.close()
process.exit(0)

function fail(code: number, message: string): never {
  process.stderr.write(`${message}\n`)
  process.exit(code)
}

function readConfig(): Config {
  const inputs = readServerInputs(process.env)
  const result = parseConfig(inputs.env, inputs.file, { fileProblem: inputs.problem })
  if (result.config !== undefined) return result.config
  return fail(EXIT_CONFIG, [...result.problems, ...result.notices].join('\n'))
}

/** Noon is within the day in every time zone, whatever its clocks do at night. */
function readRange() {
  const now = Date.now()
  const otherwise = { from: calendar.day(now - DAY_MS).key, to: calendar.day(now).key }
  try {
    const days = { from: options.textOf('from'), to: options.textOf('to') }
    const range = readDateRange(days, { from: 'from', to: 'to' }, otherwise)
    return { from: periodOf(range.from).startsAt, to: periodOf(range.to).endsAt }
  } catch (error) {
    return failUsage([error instanceof Error ? error.message : String(error)], USAGE)
  }
}

function periodOf(day: string) {
  const noon = Date.parse(`${day}T12:00:00Z`)
  const near = [-DAY_MS, 0, DAY_MS].map((shift) => calendar.day(noon + shift))
  return near.find(({ key }) => key === day) ?? calendar.day(noon)
}

function readAccount(): Account {
  const found = findAccount(config)
  if (found !== undefined) return found
  return fail(
    EXIT_CONFIG,
    'ACCOUNT_URL: is not set, and UPSTREAM_URL is not the provider whose account host is known; give the host of your account pages, such as https://www.openai-hk.com: it gets the key',
  )
}

async function openLedger(): Promise<Pick<LedgerStore, 'entries' | 'correct' | 'close'>> {
  const { redisUrl, dataDir: folder, timeZone } = config
  if (redisUrl !== undefined) return openRedis(redisUrl)
  try {
    return attachSqliteLedger({ folder, timeZone })
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return fail(1, `DATA_DIR: there is no ledger to read in ${folder} (${reason})`)
  }
}

async function openRedis(url: string): Promise<LedgerStore> {
  const { timeZone, ledgerRetentionDays: retentionDays } = config
  return new Promise((resolve) => {
    const store = createRedisLedgerStore({
      url,
      mode: 'closed',
      timeZone,
      retentionDays,
      onNotice() {},
      onFailure() {},
      onStateChange: (isReady) => isReady && resolve(store),
    })
    setTimeout(
      () => fail(1, 'REDIS_URL: Redis does not answer; check the address, and that it runs'),
      REDIS_TIMEOUT_MS,
    ).unref()
  })
}

/** The log of each key that is sent to the upstream of `/v1`. */
async function* readAllLogs({ origin, credentials }: Account): AsyncGenerator<BilledCall> {
  const dispatcher = new Agent({
    connections: 1,
    ...connectionOptions({
      connectTimeoutMs: config.upstreamConnectTimeoutMs,
      headerLimitBytes: config.upstreamHeaderLimitKb * 1024,
    }),
  })
  for (const credential of credentials) {
    yield* readCallLog({ dispatcher, origin, credential, from })
  }
  await dispatcher.close()
}
