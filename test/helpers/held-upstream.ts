import { connect, createServer, type Socket } from 'node:net'

import { onTestFinished } from 'vitest'

import { portOf } from './port.ts'

/** Stands between Keystow and an upstream, and lets only the beginning of each answer through. */
export interface HeldUpstream {
  readonly origin: string
  /** Resolves when the request is upstream and all that passes of its answer has passed. */
  readonly held: Promise<void>
  /** Resolves when Keystow has closed its connection. */
  readonly closed: Promise<void>
  /** Lets everything through from now on. */
  release(): void
}

interface HeldUpstreamOptions {
  readonly port: number
  /** How much of an answer's body passes with its head. */
  readonly bodyBytes: number
  /** Whether the upstream answers at all before it is released. */
  readonly isAnswering: boolean
}

/** Neither the rest of an answer passes nor its end, so that a client can leave before either; ends with the test. */
export async function startHeldUpstream(options: HeldUpstreamOptions): Promise<HeldUpstream> {
  const held = Promise.withResolvers<void>()
  const closed = Promise.withResolvers<void>()
  const sockets: Socket[] = []
  let isReleased = false

  const server = createServer((inner) => {
    const outer = connect(options.port, '127.0.0.1')
    sockets.push(inner, outer)
    for (const socket of [inner, outer]) socket.on('error', () => {})
    inner.pipe(outer)
    inner.once('close', () => {
      outer.destroy()
      closed.resolve()
    })
    if (isReleased) return void outer.pipe(inner)
    if (!options.isAnswering) inner.once('data', () => setImmediate(held.resolve))
    let answer = ''
    outer.on('data', (chunk: Buffer) => {
      const before = answer.length
      answer += chunk.toString('latin1')
      const bodyAt = answer.indexOf('\r\n\r\n') + 4
      const last = bodyAt < 4 ? answer.length : bodyAt + options.bodyBytes
      inner.write(answer.slice(before, last), 'latin1')
      if (bodyAt >= 4) setImmediate(held.resolve)
    })
    // One that ends without an answer has been heard, too.
    outer.once('close', held.resolve)
    return undefined
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return {
    origin: `http://127.0.0.1:${portOf(server)}`,
    held: held.promise,
    closed: closed.promise,
    release() {
      isReleased = true
    },
  }
}
