import { connect } from 'node:net'

import { TEST_TOKEN } from './gateway.ts'

/** An answer as it came over the wire. */
export interface WireAnswer {
  /** Everything, one character a byte. */
  readonly wire: string
  readonly status: number
  readonly head: string
  /** Without its framing. */
  readonly body: string
  /** Whether the body ended where its framing says. */
  readonly isWhole: boolean
}

interface WireRequest {
  readonly port: number
  readonly path?: string
  readonly body?: string
}

const HEAD_END = '\r\n\r\n'

/** Sends one request over a connection of its own and reads all that comes back. */
export async function sendOverWire({
  port,
  path = '/v1/chat/completions',
  body = '{}',
}: WireRequest) {
  const socket = connect(port, '127.0.0.1')
  socket.write(
    `POST ${path} HTTP/1.1\r\nhost: keystow.test\r\nauthorization: Bearer ${TEST_TOKEN}\r\n` +
      `content-type: application/json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}${HEAD_END}${body}`,
  )
  const chunks: Buffer[] = []
  socket.on('data', (chunk: Buffer) => chunks.push(chunk))
  await new Promise<void>((resolve) => {
    socket.once('close', () => resolve()).on('error', () => {})
  })
  return parseAnswer(Buffer.concat(chunks).toString('latin1'))
}

function parseAnswer(wire: string): WireAnswer {
  const headEnd = wire.indexOf(HEAD_END)
  const head = wire.slice(0, headEnd)
  const rest = wire.slice(headEnd + HEAD_END.length)
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1])
  if (/\r\ntransfer-encoding: chunked(?:\r\n|$)/i.test(head)) {
    return { wire, status, head, ...readChunks(rest) }
  }
  const length = /\r\ncontent-length: (\d+)(?:\r\n|$)/i.exec(head)?.[1]
  return {
    wire,
    status,
    head,
    body: rest,
    isWhole: length !== undefined && rest.length === Number(length),
  }
}

function readChunks(text: string): Pick<WireAnswer, 'body' | 'isWhole'> {
  let body = ''
  let at = 0
  while (at < text.length) {
    const lineEnd = text.indexOf('\r\n', at)
    const size = Number.parseInt(text.slice(at, lineEnd), 16)
    if (lineEnd === -1 || Number.isNaN(size)) break
    const start = lineEnd + 2
    if (size === 0) return { body, isWhole: text.slice(start) === '\r\n' }
    body += text.slice(start, start + size)
    at = start + size + 2
  }
  return { body, isWhole: false }
}
