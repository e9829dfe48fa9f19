import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { startUpstream } from '../helpers/upstream.ts'

const choice = (index: number, finish: string): string =>
  `data: {"choices":[{"index":${index},"delta":{"content":"a"},"finish_reason":${finish}}]}\n\n`

const DELTA = choice(0, 'null')
const FINISH = choice(0, '"stop"')
const DONE = 'data: [DONE]\n\n'
const UPSTREAM_ERROR = 'data: {"error":{"message":"no","type":"server_error"}}\n\n'
const CREATED = 'event: response.created\ndata: {"type":"response.created"}\n\n'
const COMPLETED = 'event: response.completed\ndata: {"type":"response.completed","response":{}}\n\n'

const CHAT = '/v1/chat/completions'
const RESPONSES = '/v1/responses'

interface Sent {
  readonly path: string
  readonly pieces: readonly string[]
  readonly isReset?: boolean
}

/** What a client gets of a stream, and the line that is logged of it. */
async function send({ path, pieces, isReset = false }: Sent) {
  const upstream = await startUpstream(async (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    for (const piece of pieces) {
      await new Promise((resolve) => response.write(piece, resolve))
    }
    if (isReset) response.socket?.resetAndDestroy()
    else response.end()
  })
  const gateway = await startGateway({ upstream: upstream.origin })
  const body = '{"model":"m","stream":true}'
  const headers = { 'content-type': 'application/json' }
  const text = await (await gateway.fetch(path, { method: 'POST', headers, body })).text()
  return { text, line: await gateway.waitForLine(() => true) }
}

const errorsIn = (text: string): number => text.match(/"upstream_unavailable"/g)?.length ?? 0

describe('a stream that is not whole', () => {
  it.each([
    ['one of two choices still runs', CHAT, DELTA + choice(1, 'null') + FINISH, ''],
    ['an event is cut behind the finish', CHAT, FINISH, 'data: {"usage":{"promp'],
    ['the finish is cut', CHAT, DELTA, FINISH.slice(0, -8)],
    ['it has come but for a brace', CHAT, DELTA, FINISH.trimEnd().slice(0, -1)],
    ['the last event is cut', RESPONSES, CREATED, COMPLETED.slice(0, 45)],
    ['only its name has come', RESPONSES, CREATED, 'event: response.completed\n'],
    ['only its name is cut', RESPONSES, CREATED, 'event: "response.completed"'],
    ['a comment stands before what is cut', CHAT, `${DELTA}: ping\n`, FINISH.slice(0, -8)],
    ['an error of its own is cut', CHAT, DELTA, UPSTREAM_ERROR.trimEnd().slice(0, -1)],
  ])('is told as an error and logged with one when %s', async (_when, path, whole, cut) => {
    const { text, line } = await send({ path, pieces: [whole + cut] })
    expect(text.startsWith(`${whole}${path === CHAT ? 'data: {"error":' : 'event: error\n'}`)).toBe(
      true,
    )
    expect(errorsIn(text)).toBe(1)
    expect(text.endsWith(DONE)).toBe(path === CHAT)
    expect(line).toMatchObject({ level: 'error', ending: 'aborted', error: 'upstream_unavailable' })
  })
})

describe('a stream that is whole', () => {
  it.each([
    ['a [DONE] without line ends', `${FINISH}data: [DONE]`, FINISH + DONE],
    ['a [DONE] without its empty line', `${FINISH}data: [DONE]\n`, FINISH + DONE],
    ['a [DONE] without a space', `${FINISH}data:[DONE]\n\n`, `${FINISH}data:[DONE]\n\n`],
    [
      'a [DONE] behind a tab, where no client finds it',
      `${FINISH}data: \t[DONE]\n\n`,
      `${FINISH}data: \t[DONE]\n\n${DONE}`,
    ],
    ['a line end behind [DONE]', `${FINISH}${DONE}\n`, `${FINISH}${DONE}\n`],
    ['a comment behind [DONE]', `${FINISH}${DONE}: bye\n\n`, `${FINISH}${DONE}: bye\n\n`],
    ['a finish without its empty line', FINISH.trimEnd(), FINISH + DONE],
    ['two finished choices', FINISH + choice(1, '"stop"'), FINISH + choice(1, '"stop"') + DONE],
  ])('gets nothing but what it lacks behind %s', async (_what, bytes, expected) => {
    const { text, line } = await send({ path: CHAT, pieces: [bytes] })
    expect(text).toBe(expected)
    expect(line).toMatchObject({ ending: 'completed' })
  })

  it('keeps a last event whose data is whole, whatever stands behind it', async () => {
    const { text, line } = await send({ path: CHAT, pieces: [`${FINISH.trimEnd()}\nid: 7`] })
    expect(text).toBe(`${FINISH.trimEnd()}\nid: 7\n\n${DONE}`)
    expect(line).toMatchObject({ ending: 'completed' })
  })

  it('is known as such however it is cut into pieces, with any line ends', async () => {
    const bytes = (DELTA + FINISH + DONE).replaceAll('\n', '\r\n')
    const { text, line } = await send({ path: CHAT, pieces: bytes.match(/[^]{1,7}/g) ?? [] })
    expect(text).toBe(bytes)
    expect(line).toMatchObject({ ending: 'completed' })
  })

  it.each([
    ['response.completed', RESPONSES, COMPLETED, COMPLETED],
    ['[DONE] and more', CHAT, `${FINISH}${DONE}\n`, `${FINISH}${DONE}\n`],
    ['the last finish', CHAT, FINISH, FINISH + DONE],
  ])('gets no error when the connection breaks behind %s', async (_what, path, bytes, expected) => {
    expect((await send({ path, pieces: [bytes], isReset: true })).text).toBe(expected)
  })
})

describe('a stream in which the upstream told an error', () => {
  it.each([
    ['ends', false],
    ['breaks off', true],
  ])('gets no second one when it %s', async (_how, isReset) => {
    const { text, line } = await send({ path: CHAT, pieces: [DELTA + UPSTREAM_ERROR], isReset })
    expect(text).toBe(DELTA + UPSTREAM_ERROR + DONE)
    expect(line).toMatchObject({ ending: 'aborted', error: 'upstream_unavailable' })
  })
})
