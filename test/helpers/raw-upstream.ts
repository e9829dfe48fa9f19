import { createServer, type Socket } from 'node:net'

import { onTestFinished } from 'vitest'

import { portOf } from './port.ts'

export interface RawUpstream {
  readonly origin: string
  /** Connections so far. */
  readonly sockets: Socket[]
  /** Request lines so far. */
  readonly requests: string[]
}

interface RawUpstreamOptions {
  /** Called with every request whose body has come. */
  readonly onRequest: (socket: Socket, requestLine: string) => unknown
  readonly onConnection?: (socket: Socket) => unknown
}

/** An upstream that can say anything; it understands requests with a length or none. Ends with the test. */
export async function startRawUpstream(options: RawUpstreamOptions): Promise<RawUpstream> {
  const sockets: Socket[] = []
  const requests: string[] = []
  const server = createServer((socket) => {
    sockets.push(socket)
    socket.on('error', () => {})
    options.onConnection?.(socket)
    let text = ''
    socket.on('data', (chunk: Buffer) => {
      text += chunk.toString('latin1')
      for (let end = endOfRequest(text); end !== undefined; end = endOfRequest(text)) {
        const line = text.slice(0, text.indexOf('\r\n'))
        text = text.slice(end)
        requests.push(line)
        void options.onRequest(socket, line)
      }
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy()
    await new Promise((resolve) => server.close(resolve))
  })
  return { origin: `http://127.0.0.1:${portOf(server)}`, sockets, requests }
}

function endOfRequest(text: string): number | undefined {
  const headEnd = text.indexOf('\r\n\r\n')
  if (headEnd === -1) return undefined
  const length = /\r\ncontent-length: (\d+)\r\n/i.exec(text.slice(0, headEnd + 2))?.[1] ?? '0'
  const end = headEnd + 4 + Number(length)
  return text.length < end ? undefined : end
}
