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

export interface Stage {
  readonly keystow: WatchedProcess
  readonly upstream: FuzzUpstream
  readonly run: (id: string) => Promise<void>
  /** Ordinary requests among all this, which must be answered as ever. */
  readonly checkVictims: () => Promise<void>
}

export type Fail = (caseId: string, problem: string) => void

/** Starts Keystow between a client and an upstream that carry the cases of a seed out. */
export async function startStage(seed: number, fail: Fail): Promise<Stage> {
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
