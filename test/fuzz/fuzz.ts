import { findCredential } from '../helpers/find-credential.ts'
import { type AnswerCase, buildAnswerCase } from './answer-case.ts'
import { markOf } from './case-mark.ts'
import { checkAnswers, checkOutbound, checkTampered } from './checks.ts'
import { type Outcome, sendCase } from './fuzz-client.ts'
import { FUZZ_CREDENTIAL, FUZZ_TOKEN, FUZZ_WRONG_TOKEN } from './fuzz-secrets.ts'
import { CASE_HEADER, type FuzzUpstream, startFuzzUpstream } from './fuzz-upstream.ts'
import type { WireRequest } from './read-wire.ts'
import { buildRequestCase, type RequestCase } from './request-case.ts'
import { startWatched, type WatchedProcess } from './watched-process.ts'

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
const MEMORY_BATCHES = 100
const MAX_GROWTH = 1.25
/** Each failure is one too many; more than these only cost time. */
const MAX_FAILURES = 20

/** Short clocks: a case that hangs on purpose is over soon. */
const ENV = {
  PORT: '0',
  UPSTREAM_API_KEY: FUZZ_CREDENTIAL,
  CLIENT_TOKENS: `fuzz:${FUZZ_TOKEN}`,
  ADMIN_TOKEN: 'ks-test-fuzz-admin',
  RATE_LIMIT_PER_MINUTE: '0',
  CONCURRENCY_LIMIT: '0',
  AUTH_FAILURE_LIMIT_PER_MINUTE: '1000000',
  UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '500',
  UPSTREAM_IDLE_TIMEOUT_MS: '500',
  SSE_HEARTBEAT_MS: '150',
  KEYSTOW_CONFIG: '/dev/null',
}

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
    fail('', String(error))
  } finally {
    clearInterval(progress)
  }
  const last = keystow.child.exitCode === null ? result() : { ...result(), fds: [0, 0] as const }
  await keystow.stop()
  upstream.close()
  return last
}

interface Stage {
  readonly keystow: WatchedProcess
  readonly upstream: FuzzUpstream
  readonly run: (id: string) => Promise<void>
  /** Ordinary requests among all this, which must be answered as ever. */
  readonly checkVictims: () => Promise<void>
}

type Fail = (caseId: string, problem: string) => void

async function startStage(seed: number, fail: Fail): Promise<Stage> {
  const requestCase = (id: string): RequestCase => buildRequestCase(seed, Number(id.slice(1)))
  const answerCase = (id: string): AnswerCase => buildAnswerCase(seed, Number(id.slice(1)))
  let victims = 0

  function onRequest(request: WireRequest, id: string | undefined): AnswerCase | undefined {
    const isRequestCase = /^r\d+$/.test(id ?? '')
    const sent = isRequestCase ? requestCase(id ?? '').pieces.join('') : undefined
    for (const problem of checkOutbound(request, sent)) fail(id ?? '', problem)
    return /^a\d+$/.test(id ?? '') ? answerCase(id ?? '') : undefined
  }

  const upstream = await startFuzzUpstream({
    onRequest,
    onMalformed: (why) => fail('', `the upstream read no request, but ${why}`),
  })
  const keystow = await startWatched({
    env: { ...ENV, UPSTREAM_URL: upstream.origin },
    onOutput: createOutputCheck((problem) => fail('', problem)),
  })
  const { port } = keystow

  async function run(id: string): Promise<void> {
    const isAnswer = id.startsWith('a')
    const sent = isAnswer ? plainRequest(id, answerCase(id).path) : requestCase(id)
    const { wire, isHung } = await sendCase(port, sent)
    if (isHung) fail(id, `nothing has ended the connection; so far came ${JSON.stringify(wire)}`)
    const problems = isAnswer ? checkTampered(wire, answerCase(id)) : checkAnswers(wire, sent)
    for (const problem of problems) fail(id, problem)
  }

  async function checkVictims(): Promise<void> {
    for (const body of ['{"model":"gpt-4o-mini"}', '{"model":"gpt-4o-mini","stream":true}']) {
      const id = `v${victims++}`
      const send = (): Promise<Outcome> =>
        sendCase(port, plainRequest(id, '/v1/chat/completions', body))
      let { wire, isHung } = await send()
      // An upstream that closes a connection while a request is on its way on it leaves nothing else to say.
      for (let tries = 0; tries < 3 && isRetriable(wire); tries++) ({ wire, isHung } = await send())
      const isRight = wire.startsWith('HTTP/1.1 200 ') && wire.includes(`"case":"${markOf(id)}"`)
      if (isHung || !isRight) fail(id, `an ordinary request was answered ${JSON.stringify(wire)}`)
      for (const problem of checkAnswers(wire, plainRequest(id, ''))) fail(id, problem)
    }
  }

  await checkVictims()
  upstream.dropConnections()
  return { keystow, upstream, run, checkVictims }
}

const isRetriable = (wire: string): boolean => /^HTTP\/1\.1 50[24] /.test(wire)

function plainRequest(id: string, path: string, body = '{"model":"gpt-4o-mini"}'): RequestCase {
  const head =
    `POST ${path} HTTP/1.1\r\nhost: keystow.test\r\nauthorization: Bearer ${FUZZ_TOKEN}\r\n` +
    `${CASE_HEADER}: ${markOf(id)}\r\ncontent-type: application/json\r\nconnection: close\r\n`
  // It does not close its side: Keystow takes that for a client that has left.
  return { id, pieces: [`${head}content-length: ${body.length}\r\n\r\n${body}`], end: 'stay' }
}

/** Requests and answers by turns. */
function* idsOf({ requests, answers }: FuzzOptions): Generator<string> {
  for (let index = 0; index < Math.max(requests, answers); index++) {
    if (index < requests) yield `r${index}`
    if (index < answers) yield `a${index}`
  }
}

/** Looks through what Keystow writes, line by line. */
function createOutputCheck(fail: (problem: string) => void): (text: string) => void {
  let rest = ''
  return (text) => {
    const lines = (rest + text).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) {
      const hasToken = line.includes(FUZZ_TOKEN) || line.includes(FUZZ_WRONG_TOKEN)
      if (hasToken) fail(`a client token was logged: ${line}`)
      if (findCredential(line, FUZZ_CREDENTIAL) !== undefined)
        fail(`the credential was logged: ${line}`)
      if (/"level":"fatal"|"unexpected_error"|^\s+at |Warning:/.test(line))
        fail(`Keystow wrote ${line}`)
    }
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
  for (let tries = 0; tries < 100 && keystow.fds() > fdsBefore; tries++) {
    upstream.dropConnections()
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  const fds = keystow.fds()
  if (fds > fdsBefore) fail('', `${fds - fdsBefore} file descriptors are left open`)
}
