import { connect } from 'node:net'

import { describe, expect, it, onTestFinished } from 'vitest'

import { BEHAVIOURS } from '../../src/demo/behaviours.ts'
import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { startHeldUpstream } from '../helpers/held-upstream.ts'
import { sendOverWire, type WireAnswer } from '../helpers/wire-client.ts'

/** How an answer reaches its client. */
type End =
  /** All of it, with [DONE] where it is a stream. */
  | 'whole'
  /** An event with the error, and [DONE]. */
  | 'error event'
  /** A broken connection. */
  | 'broken'
  /** As the upstream ended it, which HTTP takes for an end and JSON does not. */
  | 'half'
  /** What the upstream says itself, or Keystow instead of it. */
  | 'error body'

interface Outcome {
  readonly status: number
  readonly end: End
  /** What the log says; `undefined` is an answer of Keystow's own. */
  readonly ending: 'completed' | 'aborted' | undefined
  readonly code?: string | undefined
}

const WHOLE: Outcome = { status: 200, end: 'whole', ending: 'completed' }
const ERROR_EVENT: Outcome = {
  status: 200,
  end: 'error event',
  ending: 'aborted',
  code: 'upstream_unavailable',
}
const BROKEN: Outcome = {
  status: 200,
  end: 'broken',
  ending: 'aborted',
  code: 'upstream_unavailable',
}
const SILENT_STREAM: Outcome = { ...ERROR_EVENT, code: 'upstream_timeout' }
const SILENT_BODY: Outcome = { ...BROKEN, code: 'upstream_timeout' }
const NOT_REACHED: Outcome = {
  status: 502,
  end: 'error body',
  ending: undefined,
  code: 'upstream_unavailable',
}
const NOT_ANSWERED: Outcome = {
  status: 504,
  end: 'error body',
  ending: undefined,
  code: 'upstream_timeout',
}
const asIs = (status: number): Outcome => ({ status, end: 'error body', ending: 'completed' })

/** A fault and what becomes of it, as a stream and as JSON; without the second, both alike. */
type Row = readonly [model: string, stream: Outcome, json?: Outcome]

const ROWS: readonly Row[] = [
  ['demo-fast', WHOLE],
  ['demo-slow', WHOLE],
  ['demo-pace-5', WHOLE],
  ['demo-long-100', WHOLE],
  ['demo-bytes-1', WHOLE],
  ['demo-huge-event', WHOLE],
  ['demo-reset-before-headers', NOT_REACHED],
  ['demo-reset-midstream', ERROR_EVENT, BROKEN],
  ['demo-close-midstream', ERROR_EVENT, BROKEN],
  ['demo-clean-eof', ERROR_EVENT, { ...WHOLE, end: 'half' }],
  ['demo-hang', NOT_ANSWERED],
  ['demo-hang-headers-sent', SILENT_STREAM, SILENT_BODY],
  ['demo-silent-gap-20', WHOLE],
  ['demo-silent-gap-60000', SILENT_STREAM, SILENT_BODY],
  ['demo-slow-first-byte-20', WHOLE],
  ['demo-slow-first-byte-60000', NOT_ANSWERED],
  ['demo-html-502', asIs(502)],
  ['demo-status-400', asIs(400)],
  ['demo-status-401', asIs(401)],
  ['demo-status-428', asIs(428)],
  ['demo-status-429', asIs(429)],
  ['demo-status-500', asIs(500)],
  ['demo-status-503', asIs(503)],
  ['demo-error-event', ERROR_EVENT, WHOLE],
  ['demo-named-error', ERROR_EVENT, WHOLE],
  ['demo-split-utf8', WHOLE],
  ['demo-split-events', WHOLE],
  ['demo-many-in-one', WHOLE],
  ['demo-gzip', WHOLE],
  ['demo-redirect', asIs(307)],
  ['demo-echo-key', WHOLE],
  ['demo-early-hints', WHOLE],
  ['demo-early-hints-103', WHOLE],
  ['demo-trailers', WHOLE],
  ['demo-wrong-length-short', ERROR_EVENT, { ...WHOLE, end: 'half' }],
  // Its stream is over before the connection is.
  ['demo-wrong-length-long', { ...ERROR_EVENT, end: 'whole' }, BROKEN],
]

const EACH = ROWS.flatMap(([model, stream, json = stream]) => [
  { model, kind: 'a stream', outcome: stream },
  { model, kind: 'JSON', outcome: json },
])

const ENV = {
  CONCURRENCY_LIMIT: '1',
  UPSTREAM_FIRST_BYTE_TIMEOUT_MS: '2500',
  UPSTREAM_IDLE_TIMEOUT_MS: '2500',
}

const bodyOf = (model: string, kind: string): string =>
  JSON.stringify({
    model,
    stream: kind === 'a stream',
    max_tokens: 8,
    messages: [{ role: 'user', content: '你好' }],
  })

async function startDemo() {
  const demo = await startDemoUpstream({ credential: TEST_CREDENTIAL, paceMs: 1 })
  onTestFinished(() => demo.close())
  return demo
}

function endOf({ status, body, isWhole }: WireAnswer, kind: string): End {
  if (!isWhole) return 'broken'
  if (status !== 200) return 'error body'
  if (kind === 'JSON') return isJson(body) ? 'whole' : 'half'
  const events = body.split('\n\n').filter((event) => /^data: /m.test(event))
  expect(body.endsWith('data: [DONE]\n\n')).toBe(true)
  // The upstream's own error, under a name or not, or Keystow's: one of them, right before the end.
  const errors = events.filter((event) => /^data: \{.*"error":/m.test(event))
  expect(errors).toEqual(errors.length === 0 ? [] : [events.at(-2)])
  return errors.length === 1 ? 'error event' : 'whole'
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

/** The one place in flight is free again: with it taken this would be 429. */
async function expectFreeSlot(gateway: Gateway): Promise<void> {
  const response = await gateway.fetch('/v1/models')
  expect(response.status).toBe(200)
  await response.text()
}

it('has a row for every fault of the built-in upstream', () => {
  const isOf = (name: string, model: string): boolean =>
    new RegExp(`^${name.replace(/<.+>/, '\\d+')}$`).test(model)
  const missing = BEHAVIOURS.filter(({ name }) => !ROWS.some(([model]) => isOf(name, model)))
  expect(missing.map(({ name }) => name)).toEqual([])
})

describe('a client that stays', () => {
  it.each(EACH)('gets of $model as $kind: $outcome.end', async ({ model, kind, outcome }) => {
    const demo = await startDemo()
    const gateway = await startGateway({ upstream: demo.origin, env: ENV })
    const body = bodyOf(model, kind)
    const answer = await sendOverWire({ port: gateway.port, body })
    expect({ status: answer.status, end: endOf(answer, kind) }).toEqual({
      status: outcome.status,
      end: outcome.end,
    })
    expect(answer.wire).not.toContain(TEST_CREDENTIAL)
    const line = await gateway.waitForLine(() => true)
    expect({ status: line['status'], ending: line['ending'], code: line['error'] }).toEqual({
      status: outcome.status,
      ending: outcome.ending,
      code: outcome.code,
    })
    await demo.received[0]?.closed
    await expectFreeSlot(gateway)
  })
})

/** They send nothing, not even a head, before they are told to. */
const MUTE = /^demo-(?:hang|slow-first-byte-60000|reset-before-headers)$/

describe('a client that leaves', () => {
  it.each(EACH)('ends the request for $model as $kind', async ({ model, kind }) => {
    const demo = await startDemo()
    const isAnswering = !MUTE.test(model)
    const upstream = await startHeldUpstream({ port: demo.port, bodyBytes: 5, isAnswering })
    const gateway = await startGateway({ upstream: upstream.origin, env: ENV })
    const body = bodyOf(model, kind)
    const socket = connect(gateway.port, '127.0.0.1')
    socket.write(
      `POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
        `content-type: application/json\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    )
    await upstream.held
    socket.destroy()
    await upstream.closed
    await demo.received[0]?.closed
    expect(await gateway.waitForLine(() => true)).toMatchObject({
      status: 499,
      ending: 'cancelled',
    })
    upstream.release()
    await expectFreeSlot(gateway)
  })
})
