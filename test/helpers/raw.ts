import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

import { onTestFinished } from 'vitest'

import type { Gateway } from './gateway.ts'

/** One answer as it stood on the wire. */
export interface RawAnswer {
  readonly status: number
  /** Names in lower case; of several with one name the last. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface RawConnection {
  readonly socket: Socket
  /** Writes bytes, one for each character. */
  send(bytes: string): void
  /** Resolves once this many answers are whole; 1xx are left out. */
  answers(count: number): Promise<readonly RawAnswer[]>
  /** Resolves when the other side has closed, with every whole answer; throws on bytes that are none. */
  untilClosed(): Promise<readonly RawAnswer[]>
  /** Everything that came so far. */
  text(): string
}

/** A connection to a gateway on which anything can be said. */
export const openRaw = (gateway: Gateway): RawConnection => wrap(gateway.connect())

/** The same to a port of the loopback address; closed with the test. */
export function connectRaw(port: number): RawConnection {
  const socket = connect(port, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => void socket.destroy())
  return wrap(socket)
}

/** Resolves at the first of these events, and leaves no listener for the others. */
async function either(socket: Socket, ...events: readonly string[]): Promise<void> {
  const others = new AbortController()
  const { signal } = others
  await Promise.race(events.map((event) => once(socket, event, { signal })))
  others.abort()
}

function wrap(socket: Socket): RawConnection {
  let text = ''
  socket.on('data', (chunk: Buffer) => {
    text += chunk.toString('latin1')
  })
  const isEnded = (): boolean => socket.readableEnded || socket.destroyed
  return {
    socket,
    send: (bytes) => void socket.write(Buffer.from(bytes, 'latin1')),
    async answers(count) {
      while (parseAnswers(text).answers.length < count) {
        if (isEnded()) throw new Error(`closed before answer ${count}: ${JSON.stringify(text)}`)
        await either(socket, 'data', 'close')
      }
      return parseAnswers(text).answers
    },
    async untilClosed() {
      while (!isEnded()) await either(socket, 'end', 'close')
      const { answers, rest } = parseAnswers(text)
      if (rest !== '') throw new Error(`bytes that are no answer: ${JSON.stringify(rest)}`)
      return answers
    },
    text: () => text,
  }
}

/** A request with the client token; `head` are further header lines. */
export function rawRequest(
  method: string,
  path: string,
  { head = '', body = '', token = 'ks-test-alice' } = {},
): string {
  return `${method} ${path} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${token}\r\n${head}\r\n${body}`
}

function parseAnswers(text: string): { answers: RawAnswer[]; rest: string } {
  const answers: RawAnswer[] = []
  let rest = text
  for (;;) {
    const parsed = parseAnswer(rest)
    if (parsed === undefined) return { answers, rest }
    if (parsed.answer.status >= 200) answers.push(parsed.answer)
    rest = rest.slice(parsed.length)
  }
}

function parseAnswer(text: string): { answer: RawAnswer; length: number } | undefined {
  const end = text.indexOf('\r\n\r\n')
  const status = /^HTTP\/1\.1 (\d{3})[^\r\n]*\r\n/.exec(text)?.[1]
  if (end === -1 || status === undefined) return undefined
  const lines = text.slice(0, end).split('\r\n').slice(1)
  const headers = Object.fromEntries(
    lines.map((line) => {
      const colon = line.indexOf(':')
      return [line.slice(0, colon).toLowerCase(), line.slice(colon + 1).trim()]
    }),
  )
  const body = readBody(text.slice(end + 4), Number(status), headers)
  if (body === undefined) return undefined
  const answer = { status: Number(status), headers, body: body.text }
  return { answer, length: end + 4 + body.length }
}

function readBody(
  text: string,
  status: number,
  headers: Readonly<Record<string, string>>,
): { text: string; length: number } | undefined {
  if (status < 200 || status === 204 || status === 304) return { text: '', length: 0 }
  if (headers['transfer-encoding'] === 'chunked') return readChunks(text)
  const length = Number(headers['content-length'] ?? 0)
  return text.length < length ? undefined : { text: text.slice(0, length), length }
}

function readChunks(text: string): { text: string; length: number } | undefined {
  let body = ''
  let at = 0
  for (;;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return undefined
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    const next = lineEnd + 2 + size + 2
    if (text.length < next) return undefined
    body += text.slice(lineEnd + 2, lineEnd + 2 + size)
    at = next
    if (size === 0) return { text: body, length: at }
  }
}
