import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import { onTestFinished } from 'vitest'

import {
  type DemoUpstream,
  type DemoUpstreamOptions,
  startDemoUpstream,
} from '../../src/demo/upstream.ts'

export const CREDENTIAL = 'hk-demo0123456789abcdefghijklmnopqrstuvwxyz'
export const BEARER = { authorization: `Bearer ${CREDENTIAL}` }

type Body = Readonly<Record<string, unknown>>

/** A demo upstream for one test, without a pause between events. */
export async function startDemo(options: Partial<DemoUpstreamOptions> = {}): Promise<DemoUpstream> {
  const demo = await startDemoUpstream({ credential: CREDENTIAL, paceMs: 0, ...options })
  onTestFinished(() => demo.close())
  return demo
}

export function post(demo: DemoUpstream, path: string, body: Body): Promise<Response> {
  const headers = { ...BEARER, 'content-type': 'application/json' }
  return fetch(demo.origin + path, {
    method: 'POST',
    headers,
    body: JSON.stringify(body),
    redirect: 'manual',
  })
}

export function postForm(demo: DemoUpstream, path: string, form: FormData): Promise<Response> {
  return fetch(demo.origin + path, { method: 'POST', headers: BEARER, body: form })
}

export function get(demo: DemoUpstream, path: string): Promise<Response> {
  return fetch(demo.origin + path, { headers: BEARER })
}

export function chatBody(model: string, rest: Body = {}): Body {
  return { model, messages: [{ role: 'user', content: '你好 hello' }], ...rest }
}

export function postChat(demo: DemoUpstream, model: string, rest: Body = {}): Promise<Response> {
  return post(demo, '/v1/chat/completions', chatBody(model, rest))
}

/** The payload of each event that has one, parsed; `[DONE]` stays a string. */
export function parseEvents(text: string): unknown[] {
  return text
    .split('\n\n')
    .map((event) => /^data: (.*)$/m.exec(event)?.[1])
    .filter((data) => data !== undefined)
    .map((data): unknown => (data === '[DONE]' ? data : JSON.parse(data)))
}

/** What the deltas of a chat stream say, in order. */
export function readDeltas(text: string): string[] {
  return [...text.matchAll(/"delta":\{"content":("(?:[^"\\]|\\.)*")\}/g)].map((match) =>
    String(JSON.parse(match[1] ?? '""')),
  )
}

/** A request as bytes, for what fetch does not show. */
export function rawChat(model: string, rest: Body = {}): string {
  const body = JSON.stringify(chatBody(model, rest))
  return [
    'POST /v1/chat/completions HTTP/1.1',
    'host: demo',
    `authorization: Bearer ${CREDENTIAL}`,
    'content-type: application/json',
    `content-length: ${Buffer.byteLength(body)}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}

export function openSocket(demo: DemoUpstream, request: string): Socket {
  const socket = connect(demo.port, '127.0.0.1')
  onTestFinished(() => void socket.destroy())
  socket.write(request)
  return socket
}

/** Everything that comes back until the connection ends, and the error it ended with. */
export async function readRaw(
  demo: DemoUpstream,
  request: string,
): Promise<{ bytes: Buffer; text: string; errorCode: string | undefined }> {
  const socket = openSocket(demo, request)
  const chunks: Buffer[] = []
  let errorCode: string | undefined
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  socket.on('error', (error: NodeJS.ErrnoException) => {
    errorCode = error.code
  })
  await new Promise((resolve) => socket.once('close', resolve))
  const bytes = Buffer.concat(chunks)
  return { bytes, text: bytes.toString(), errorCode }
}

/** Waits until something has come back. */
export async function untilData(socket: Socket): Promise<Buffer> {
  const [chunk]: unknown[] = await once(socket, 'data')
  if (!Buffer.isBuffer(chunk)) throw new Error('the socket gave no bytes')
  return chunk
}

/** Polls until true; the test's own time limit is the only one. */
export async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5))
}

/** The request the demo received last. */
export function lastReceived(demo: DemoUpstream) {
  const received = demo.received.at(-1)
  if (received === undefined) throw new Error('nothing was received')
  return received
}
