import { describe, expect, it, onTestFinished } from 'vitest'

import { createBulkTurns } from '../../src/proxy/bulk-turns.ts'
import { createFlow, makeReady, passOn } from '../../src/proxy/flow.ts'
import { createUpstreamClient, type UpstreamClient } from '../../src/proxy/upstream-client.ts'
import { startRawUpstream } from '../helpers/raw-upstream.ts'

const BODY_BYTES = 60_000
/** Of it, so that the rest and the end come while the reader has stopped. */
const FIRST_BYTES = 1000
const STREAMS = 30

interface Reading {
  readonly client: UpstreamClient
  readonly origin: string
  readonly turns: ReturnType<typeof createBulkTurns>
  /** Stops behind every chunk. */
  readonly isSlow: boolean
}

/** Its body, through a flow that has others beside it. */
function read({ client, origin, turns, isSlow }: Reading) {
  return new Promise<number>((resolve, reject) => {
    let bytes = 0
    let wasEmpty = false
    const flow = createFlow(turns)
    client.dispatch(
      { origin, path: '/', method: 'GET' },
      {
        onRequestStart(controller) {
          flow.source = controller
        },
        onResponseData(_controller, chunk) {
          bytes += chunk.length
          // What goes on behind a pause begins with a chunk of nothing, of which the first stops too.
          const isFull = isSlow && (chunk.length > 0 || !wasEmpty)
          wasEmpty = chunk.length === 0
          passOn(flow, chunk.length, !isFull)
          if (isFull) setTimeout(() => makeReady(flow), 40)
        },
        onResponseEnd() {
          flow.source = undefined
          resolve(bytes)
        },
        onResponseError: (_controller, error) => reject(error),
      },
    )
  })
}

describe('an upstream that ends its connection while it is paused', () => {
  const headers = [
    ['behind an answer that this end frames', 'connection: close\r\n'],
    ['behind a last answer', `connection: close\r\ncontent-length: ${BODY_BYTES}\r\n`],
    ['behind an answer that another could follow', `content-length: ${BODY_BYTES}\r\n`],
  ] as const
  const readers = [
    ['a reader who waits for its turn', false],
    ['a reader who is slow', true],
  ] as const
  const cases = readers.flatMap(([who, isSlow]) =>
    headers.map(([where, text]) => [where, who, text, isSlow] as const),
  )
  it.each(cases)('has sent all of it, %s, to %s', async (_where, _who, text, isSlow) => {
    const upstream = await startRawUpstream({
      onRequest(socket) {
        socket.write(`HTTP/1.1 200 OK\r\n${text}\r\n`)
        setTimeout(() => socket.write('x'.repeat(FIRST_BYTES)), 50)
        setTimeout(() => socket.end('x'.repeat(BODY_BYTES - FIRST_BYTES)), 60)
      },
    })
    const client = createUpstreamClient({
      connections: 100,
      connectTimeoutMs: 1000,
      headerLimitBytes: 16_384,
    })
    onTestFinished(() => client.destroy())
    const turns = createBulkTurns()
    const { origin } = upstream
    const all = Array.from({ length: STREAMS }, () => read({ client, origin, turns, isSlow }))
    expect(await Promise.all(all)).toEqual(Array.from({ length: STREAMS }, () => BODY_BYTES))
  })
})
