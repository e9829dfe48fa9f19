import {
  createServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http'

import { onTestFinished } from 'vitest'

import { portOf } from './port.ts'

export interface Upstream {
  readonly origin: string
  /** Requests so far, newest last; bodies are complete once the handler was called. */
  readonly received: ReceivedRequest[]
}

export interface ReceivedRequest {
  readonly message: IncomingMessage
  readonly body: Buffer
  /** Resolves when the connection of this request's answer is gone or the answer complete. */
  readonly closed: Promise<void>
}

export type Handler = (request: ReceivedRequest, response: ServerResponse) => unknown

/** An upstream of a few lines, for what the built-in one does not do; ends with the test. */
export async function startUpstream(handle: Handler): Promise<Upstream> {
  const received: ReceivedRequest[] = []
  const origin = await startServer((message, response) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      const closed = new Promise<void>((resolve) => response.once('close', resolve))
      const request = { message, body: Buffer.concat(chunks), closed }
      received.push(request)
      void handle(request, response)
    })
  })
  return { origin, received }
}

/** A bare HTTP server on a free port of the loopback address; ends with the test. */
export async function startServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${portOf(server)}`
}

interface Plenty {
  readonly piece: Buffer | string
  /** How much to write before the answer ends; the last piece may go beyond. */
  readonly totalBytes: number
  /** What the answer ends with. */
  readonly last?: string
  /** Called for each piece, before it is written. */
  readonly onPiece?: () => void
}

/** Writes one piece again and again, no faster than it is read. */
export function writePlenty(response: ServerResponse, plenty: Plenty): void {
  const { piece, totalBytes, last, onPiece } = plenty
  let sent = 0
  const send = (): void => {
    while (sent < totalBytes) {
      sent += piece.length
      onPiece?.()
      if (!response.write(piece)) return void response.once('drain', send)
    }
    response.end(last)
  }
  send()
}

/** Answers with what it received, as JSON. */
export const echo: Handler = ({ message, body }, response) => {
  response.setHeader('content-type', 'application/json')
  response.end(
    JSON.stringify({
      method: message.method,
      url: message.url,
      headers: message.headers,
      body: body.toString('latin1'),
    }),
  )
}

export interface Echo {
  readonly method: string
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

/** Reads an answer of `echo`. */
export async function readEcho(response: Response): Promise<Echo> {
  const answer: Echo = JSON.parse(await response.text())
  return answer
}
