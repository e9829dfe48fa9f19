import { describe, expect, it, onTestFinished } from 'vitest'

import { createBulkTurns } from '../../src/proxy/bulk-turns.ts'
import { createFlow, passOn } from '../../src/proxy/flow.ts'
import { createUpstreamClient, type UpstreamClient } from '../../src/proxy/upstream-client.ts'
import { startRawUpstream } from '../helpers/raw-upstream.ts'

const BODY_BYTES = 60_000
const STREAMS = 30

/** Its body, through a flow that has others beside it. */
function read(client: UpstreamClient, origin: string, turns: ReturnType<typeof createBulkTurns>) {
  return new Promise<number>((resolve, reject) => {
    let bytes = 0
    const flow = createFlow(turns)
    client.dispatch(
      { origin, path: '/', method: 'GET' },
      {
        onRequestStart(controller) {
          flow.source = controller
        },
        onResponseData(_controller, chunk) {
          bytes += chunk.length
          passOn(flow, chunk.length, true)
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
  it.each([
    ['behind an answer that this end frames', 'connection: close\r\n'],
    ['behind a last answer', `connection: close\r\ncontent-length: ${BODY_BYTES}\r\n`],
    ['behind an answer that another could follow', `content-length: ${BODY_BYTES}\r\n`],
  ])('has sent all of it, %s', async (_where, headers) => {
    const upstream = await startRawUpstream({
      onRequest(socket) {
        socket.write(`HTTP/1.1 200 OK\r\n${headers}\r\n`)
        setTimeout(() => socket.end('x'.repeat(BODY_BYTES)), 50)
      },
    })
    const client = createUpstreamClient({
      connections: 100,
      connectTimeoutMs: 1000,
      headerLimitBytes: 16_384,
    })
    onTestFinished(() => client.destroy())
    const turns = createBulkTurns()
    const all = Array.from({ length: STREAMS }, () => read(client, upstream.origin, turns))
    expect(await Promise.all(all)).toEqual(Array.from({ length: STREAMS }, () => BODY_BYTES))
  })
})
