import { setTimeout } from 'node:timers/promises'

import { describe, expect, it, onTestFinished } from 'vitest'

import { CREDENTIAL } from '../../bench/contenders/contender.ts'
import { nodeAlone } from '../../bench/contenders/node-alone.ts'
import { startChild, stopChild } from '../../bench/rig/child.ts'
import { createFolder } from '../helpers/folder.ts'
import { freePort } from '../helpers/redis-process.ts'
import { type Handler, startUpstream, writePlenty } from '../helpers/upstream.ts'

const START_WITHIN_MS = 10_000
/** More than sockets hold. */
const PLENTY_BYTES = 64 * 1024 * 1024
const PIECE = Buffer.alloc(64 * 1024, 'x')
const SETTLED_MS = 200

const streamOf = (body: string) => ({
  method: 'POST',
  headers: { authorization: 'Bearer ks-test-client', 'content-type': 'application/json' },
  body,
})

async function startNode(handle: Handler) {
  const upstream = await startUpstream(handle)
  const folder = createFolder()
  const port = await freePort()
  const { command, env } = nodeAlone.launch({
    port,
    upstreamPort: Number(new URL(upstream.origin).port),
    caFile: undefined,
    folder,
    node: process.execPath,
  })
  const child = startChild(command, { core: 0, cwd: folder, ...(env !== undefined && { env }) })
  onTestFinished(() => stopChild(child))
  const url = `http://127.0.0.1:${port}`
  const isUp = () =>
    fetch(`${url}/up`).then(
      () => true,
      () => false,
    )
  await expect.poll(isUp, { timeout: START_WITHIN_MS }).toBe(true)
  return { url: `${url}/v1/chat/completions`, received: upstream.received }
}

describe('Node alone', () => {
  it('puts the key in, and passes each event when it has come', async () => {
    let goOn = (): unknown => undefined
    const { url, received } = await startNode(({ message }, response) => {
      if (message.url === '/up') return response.end()
      response.setHeader('content-type', 'text/event-stream')
      response.write('data: 1\n\n')
      goOn = () => response.writableEnded || response.end('data: 2\n\n')
      return undefined
    })
    const response = await fetch(url, streamOf('{"stream":true}'))
    expect(response.headers.get('content-type')).toBe('text/event-stream')
    const pieces: string[] = []
    for await (const piece of response.body ?? []) {
      pieces.push(Buffer.from(piece).toString())
      goOn()
    }
    expect(pieces).toEqual(['data: 1\n\n', 'data: 2\n\n'])
    expect(received.at(-1)?.message.headers.authorization).toBe(`Bearer ${CREDENTIAL}`)
    expect(received.at(-1)?.body.toString()).toBe('{"stream":true}')
  })

  it('answers 502 where the upstream breaks off before its answer', async () => {
    const { url } = await startNode(({ message }, response) =>
      message.url === '/up' ? response.end() : response.destroy(),
    )
    expect((await fetch(url, streamOf('{}'))).status).toBe(502)
  })

  it('reads no more of an answer than its client does', async () => {
    let sent = 0
    const { url } = await startNode(({ message }, response) => {
      if (message.url === '/up') return response.end()
      const onPiece = (): void => void (sent += PIECE.length)
      return writePlenty(response, { piece: PIECE, totalBytes: PLENTY_BYTES, onPiece })
    })
    const response = await fetch(url, streamOf('{}'))
    const reader = response.body?.getReader()
    await reader?.read()
    let before = -1
    // Until everything between the two is full.
    while (sent > before) {
      before = sent
      await setTimeout(SETTLED_MS)
    }
    expect(sent).toBeLessThan(PLENTY_BYTES)
    let bytes = 0
    while ((await reader?.read())?.done === false) bytes++
    expect(bytes).toBeGreaterThan(0)
    expect(sent).toBe(PLENTY_BYTES)
  })

  it('tells the upstream that a client has left', async () => {
    const { url, received } = await startNode(({ message }, response) =>
      message.url === '/up' ? response.end() : response.write('data: 1\n\n'),
    )
    const leaving = new AbortController()
    const response = await fetch(url, { ...streamOf('{}'), signal: leaving.signal })
    await response.body?.getReader().read()
    leaving.abort()
    await expect(received.at(-1)?.closed).resolves.toBeUndefined()
  })
})
