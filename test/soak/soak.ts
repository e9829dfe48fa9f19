import { setTimeout as wait } from 'node:timers/promises'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { startWatched, type WatchedProcess, waitForLedger } from '../fuzz/watched-process.ts'
import { createDice } from '../helpers/dice.ts'
import { findCredential } from '../helpers/find-credential.ts'
import { createFolder } from '../helpers/folder.ts'
import { redisServer, startRedisProcess } from '../helpers/redis-process.ts'
import { createDisturbances } from './disturbances.ts'
import { choosePlan } from './plans.ts'
import { carryOut } from './soak-client.ts'

interface SoakOptions {
  readonly minutes: number
  readonly seed: number
  readonly onProgress: (report: SoakReport) => void
}

export interface SoakReport {
  readonly minutes: number
  readonly requests: number
  /** How many answers had each status; `left` are clients that left. */
  readonly statuses: Readonly<Record<string, number>>
  readonly disturbances: Readonly<Record<string, number>>
  /** MiB once it has warmed up, and now. */
  readonly rssMb: readonly [number, number]
  readonly fds: readonly [number, number]
  readonly problems: readonly string[]
}

const CREDENTIALS = [
  'hk-test-soak-the-first-key-0123456789ABCDEF',
  'hk-test-soak-the-second-key-0123456789ABCD',
  'hk-test-soak-the-third-key-0123456789ABCDE',
] as const
const TOKENS = ['ks-test-soak-a', 'ks-test-soak-b', 'ks-test-soak-c']

const PARALLEL = 96
const SAMPLE_MS = 1000
const PROGRESS_MS = 30_000
const MAX_PROBLEMS = 20
/** The ledger's files come and go. */
const SPARE_FDS = 3
/** How much more memory than after the warm-up may be in use at the end. */
const MAX_GROWTH = 1.1
/** A share of the time in which caches fill and code is compiled. */
const WARM_UP = 0.3
/** A shorter run is warming up to its end. */
const MEMORY_MINUTES = 10

const ENV = {
  PORT: '0',
  CLIENT_TOKENS: TOKENS.map((token, index) => `c${index}:${token}`).join(),
  // Counted, in Redis while it is there, and never reached.
  RATE_LIMIT_PER_MINUTE: '1000000',
  CONCURRENCY_LIMIT: '1000',
  UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '3000',
  UPSTREAM_IDLE_TIMEOUT_MS: '3000',
  SSE_HEARTBEAT_MS: '200',
  LOG_LEVEL: 'info',
}

/** Mixed load with everything that happens to a server, and what became of it. */
export async function runSoak({ minutes, seed, onProgress }: SoakOptions): Promise<SoakReport> {
  const problems: string[] = []
  const problem = (what: string): void => {
    if (problems.length < MAX_PROBLEMS) problems.push(what)
  }
  const [credential, ...otherCredentials] = CREDENTIALS
  const upstream = await startDemoUpstream({ credential, otherCredentials, paceMs: 3 })
  const redis = redisServer === undefined ? undefined : await startRedisProcess()
  const disturbances = createDisturbances({
    folder: createFolder(),
    credentials: CREDENTIALS,
    redis,
  })
  const keystow = await startWatched({
    env: { ...ENV, ...disturbances.env, UPSTREAM_URL: upstream.origin },
    onOutput: createOutputCheck(problem),
  })

  const statuses: Record<string, number> = {}
  const rss: number[] = []
  if (redis === undefined) await waitForLedger(keystow)
  const [startedAt, fdsBefore] = [performance.now(), keystow.fds()]
  const endsAt = startedAt + minutes * 60_000
  const isOver = (): boolean => performance.now() >= endsAt || problems.length >= MAX_PROBLEMS
  let requests = 0

  const report = (): SoakReport => ({
    minutes: (performance.now() - startedAt) / 60_000,
    requests,
    statuses,
    disturbances: disturbances.counts(),
    rssMb: memoryOf(rss),
    fds: [fdsBefore, keystow.fds()],
    problems,
  })

  async function work(worker: number): Promise<void> {
    const dice = createDice(seed, worker)
    while (!isOver()) {
      const plan = choosePlan(dice)
      const target = { port: keystow.port, token: dice.pick(TOKENS), credentials: CREDENTIALS }
      const outcome = await carryOut(plan, target)
      requests++
      const name = String(outcome.status ?? 'left')
      statuses[name] = (statuses[name] ?? 0) + 1
      if (outcome.problem !== undefined) problem(`${outcome.problem}: ${JSON.stringify(plan)}`)
    }
  }

  const sampling = setInterval(() => rss.push(keystow.rssMb()), SAMPLE_MS)
  const progress = setInterval(() => onProgress(report()), PROGRESS_MS)
  try {
    const workers = Array.from({ length: PARALLEL }, (_, worker) => work(worker))
    const disturbing = disturbances.run(isOver, (signal) => keystow.child.kill(signal))
    await Promise.race([Promise.all([...workers, disturbing]), keystow.ended])
    clearInterval(sampling)
    clearInterval(progress)
    const loaded = report()
    if (minutes >= MEMORY_MINUTES) for (const what of memoryProblems(rss)) problem(what)
    for (const what of await leftovers(keystow, fdsBefore)) problem(what)
    return { ...loaded, fds: [fdsBefore, keystow.fds()] }
  } catch (error) {
    problem(String(error))
    return { ...report(), fds: [fdsBefore, 0] }
  } finally {
    clearInterval(sampling)
    clearInterval(progress)
    await keystow.stop()
    await Promise.all([upstream.close(), redis?.stop()])
  }
}

/** After the warm-up and at the end: a tenth of the time each, so that one collection of garbage decides nothing. */
function memoryOf(rss: readonly number[]): readonly [number, number] {
  const first = Math.floor(rss.length * WARM_UP)
  const tenth = Math.max(1, Math.floor(rss.length / 10))
  return [average(rss.slice(first, first + tenth)), average(rss.slice(-tenth))]
}

const average = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length)

function memoryProblems(rss: readonly number[]): string[] {
  const [early, late] = memoryOf(rss)
  if (late <= early * MAX_GROWTH) return []
  return [`memory grew from ${Math.round(early)} to ${Math.round(late)} MiB`]
}

async function leftovers(keystow: WatchedProcess, fdsBefore: number): Promise<string[]> {
  // Connections that wait for the next request are closed after half a minute.
  for (let seconds = 0; seconds < 60 && keystow.fds() > fdsBefore + SPARE_FDS; seconds++)
    await wait(1000)
  const left = keystow.fds() - fdsBefore
  return left > SPARE_FDS ? [`${left} file descriptors are left open`] : []
}

function createOutputCheck(problem: (what: string) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const isLeak = CREDENTIALS.some(
        (credential) => findCredential(line, credential) !== undefined,
      )
      if (isLeak || TOKENS.some((token) => line.includes(token)))
        problem(`a secret was logged: ${line}`)
      if (/"level":"fatal"|"unexpected_error"|^\s+at |Warning:/.test(line))
        problem(`Keystow wrote ${line}`)
    }
  }
}
