import { once } from 'node:events'
import { createServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { AnswerCase } from './answer-case.ts'
import { markedIn, markOf } from './case-mark.ts'
import { createRequestReader, type WireRequest } from './read-wire.ts'

export interface FuzzUpstream {
  readonly origin: string
  /** Closes the connections that are open, so that no descriptor is left on either side. */
  dropConnections(): void
  close(): void
}

interface FuzzUpstreamOptions {
  /** A request has come; returns what to answer instead of the usual. */
  readonly onRequest: (request: WireRequest, caseId: string | undefined) => AnswerCase | undefined
  readonly onMalformed: (why: string) => void
}

/** Names the case that a request belongs to. */
export const CASE_HEADER = 'x-stainless-case'

/** An upstream that reads by the letter and answers every request with its case, or with what it is told. */
export async function startFuzzUpstream(options: FuzzUpstreamOptions): Promise<FuzzUpstream> {
  const sockets = new Set<Socket>()
  const server = createServer({ noDelay: true }, (socket) => {
    sockets.add(socket)
    socket.setEncoding('latin1')
    socket.on('error', () => {})
    socket.once('close', () => sockets.delete(socket))
    const reader = createRequestReader({
      onMalformed: options.onMalformed,
      onRequest(request) {
        const mark = request.headers.find(([name]) => name === CASE_HEADER)?.[1]
        const [caseId] = markedIn(mark ?? '')
        const answer = options.onRequest(request, caseId)
        if (answer === undefined) socket.write(usualAnswer(request, caseId))
        else void play(socket, answer)
      },
    })
    socket.on('data', (bytes: string) => reader.push(bytes))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : undefined
  const dropConnections = (): void => {
    for (const socket of sockets) socket.destroy()
  }
  return {
    origin: `http://127.0.0.1:${port}`,
    dropConnections,
    close() {
      server.close()
      dropConnections()
    },
  }
}

/** Says which case was asked, so that an answer that goes to somebody else is seen. */
function usualAnswer({ line, body }: WireRequest, caseId = 'none'): string {
  const mark = markOf(caseId)
  const head = 'HTTP/1.1 200 OK\r\n'
  if (body.includes('"stream":true')) {
    const events = `data: {"case":"${mark}","choices":[{"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`
    return `${head}content-type: text/event-stream\r\ncontent-length: ${events.length}\r\nx-case: ${mark}\r\n\r\n${events}`
  }
  const json = `{"case":"${mark}"}`
  const answer = `${head}content-type: application/json\r\ncontent-length: ${json.length}\r\nx-case: ${mark}\r\n\r\n`
  return line.startsWith('HEAD ') ? answer : answer + json
}

async function play(socket: Socket, { pieces, end }: AnswerCase): Promise<void> {
  for (const piece of pieces) {
    if (!socket.writable) return
    if (piece !== '') socket.write(piece, 'latin1')
    if (pieces.length > 1) await nextTurn()
  }
  if (end === 'close') socket.end()
  else if (end === 'reset') socket.resetAndDestroy()
}
