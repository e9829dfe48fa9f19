import { type Fail, type Stage, startStage } from './stage.ts'
import { waitForLedger } from './watched-process.ts'

export interface FuzzOptions {
  readonly seed: number
  /** How many mutated requests and answers to send. */
  readonly requests: number
  readonly answers: number
  /** Milliseconds after which no new case begins. */
  readonly limitMs: number
  /** Only this case, such as `r17` or `a4`. */
  readonly only?: string | undefined
  /** Called every 10 seconds. */
  readonly onProgress?: (done: FuzzResult) => void
}

/** What a run found. */
export interface FuzzResult {
  readonly requests: number
  readonly answers: number
  readonly seconds: number
  readonly failures: readonly Failure[]
  /** After the first batch, and at the end, in MiB. */
  readonly rssMb: readonly [number, number]
  readonly fds: readonly [number, number]
}

export interface Failure {
  /** The case to run again, where it is known. */
  readonly caseId: string
  readonly problem: string
}

/** Cases that run at the same time. */
const PARALLEL = 128
const BATCH = 1000
const PROGRESS_MS = 10_000
/** The ledger's files come and go. */
const SPARE_FDS = 3
const MEMORY_BATCHES = 100
const MAX_GROWTH = 1.25
/** Each failure is one too many; more than these only cost time. */
const MAX_FAILURES = 20

/** Sends mutated requests through a real Keystow, and mutated answers back through it, and checks what comes out. */
export async function runFuzz(options: FuzzOptions): Promise<FuzzResult> {
  const startedAt = performance.now()
  const failures: Failure[] = []
  const fail = (caseId: string, problem: string): void => {
    if (failures.length < MAX_FAILURES) failures.push({ caseId, problem })
  }
  const stage = await startStage(options.seed, fail)
  const { keystow, upstream } = stage
  const done = { requests: 0, answers: 0 }
  const rssMb: number[] = []
  await waitForLedger(keystow)
  const fdsBefore = keystow.fds()

  const result = (): FuzzResult => ({
    ...done,
    seconds: (performance.now() - startedAt) / 1000,
    failures,
    rssMb: [rssMb[0] ?? keystow.rssMb(), rssMb.at(-1) ?? keystow.rssMb()],
    fds: [fdsBefore, keystow.fds()],
  })
  const isOver = (): boolean =>
    performance.now() - startedAt > options.limitMs || failures.length >= MAX_FAILURES

  async function work(ids: Iterator<string>): Promise<void> {
    for (let next = ids.next(); !next.done && !isOver(); next = ids.next()) {
      await stage.run(next.value)
      done[next.value.startsWith('r') ? 'requests' : 'answers']++
      if ((done.requests + done.answers) % BATCH > 0) continue
      await stage.checkVictims()
      rssMb.push(keystow.rssMb())
    }
  }

  async function runAll(): Promise<void> {
    const ids = options.only === undefined ? idsOf(options) : [options.only].values()
    await Promise.all(Array.from({ length: PARALLEL }, () => work(ids)))
    await stage.checkVictims()
  }

  const progress = setInterval(() => options.onProgress?.(result()), PROGRESS_MS)
  try {
    await Promise.race([runAll(), keystow.ended])
    await checkLeftovers(stage, fdsBefore, fail)
    const growth = memoryProblem(rssMb)
    if (growth !== undefined) fail('', growth)
  } catch (error) {
    // First of all: what else has failed then is no wonder.
    failures.unshift({ caseId: '', problem: String(error) })
  } finally {
    clearInterval(progress)
  }
  const last = result()
  await keystow.stop()
  upstream.close()
  return last
}

/** Requests and answers by turns. */
function* idsOf({ requests, answers }: FuzzOptions): Generator<string> {
  for (let index = 0; index < Math.max(requests, answers); index++) {
    if (index < requests) yield `r${index}`
    if (index < answers) yield `a${index}`
  }
}

/** A run of a hundred batches has warmed up in its first fifth; after that, memory may not go on growing. */
function memoryProblem(rssMb: readonly number[]): string | undefined {
  if (rssMb.length < MEMORY_BATCHES) return undefined
  const tenth = Math.floor(rssMb.length / 10)
  const average = (values: readonly number[]): number =>
    values.reduce((sum, value) => sum + value, 0) / values.length
  const early = average(rssMb.slice(2 * tenth, 3 * tenth))
  const late = average(rssMb.slice(-tenth))
  if (late <= early * MAX_GROWTH) return undefined
  return `memory grew from ${Math.round(early)} to ${Math.round(late)} MiB`
}

/** Once nothing runs any more, nothing may be left. */
async function checkLeftovers(
  { keystow, upstream }: Stage,
  fdsBefore: number,
  fail: Fail,
): Promise<void> {
  for (let tries = 0; tries < 100 && keystow.fds() > fdsBefore + SPARE_FDS; tries++) {
    upstream.dropConnections()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const fds = keystow.fds()
  if (fds > fdsBefore + SPARE_FDS) {
    const files = keystow.openFiles().join(' ')
    fail('', `${fds - fdsBefore} file descriptors are left open, all of them: ${files}`)
  }
}
