import type { Socket } from 'node:net'

/**
 * Hands what an upstream's socket reads to undici in the same call, in place of queueing it, telling that there is
 * something in the next tick, and being asked for it twice: a tenth of what a short event costs. Only while undici has
 * taken all there was; what it puts back, and what comes behind that, is queued as ever.
 */
export function handOver(socket: Socket): Socket {
  const push = socket.push.bind(socket)
  const read = socket.read.bind(socket)
  const unshift = socket.unshift.bind(socket)
  /** It was asked for more and had none: Node waits for the next bytes, and so does undici. */
  let isAwaited = false
  let isOffered = false
  let offer: Buffer | null = null

  return Object.assign(socket, {
    push(...args: Parameters<typeof push>): boolean {
      const chunk: unknown = args[0]
      if (!isAwaited || !Buffer.isBuffer(chunk) || chunk.length === 0) {
        isAwaited = false
        return push(...args)
      }
      offer = chunk
      isOffered = true
      try {
        socket.emit('readable')
      } finally {
        isOffered = false
      }
      if (offer === null) return true
      // Nobody took it.
      offer = null
      isAwaited = false
      return push(chunk)
    },
    read(size?: number): unknown {
      if (!isOffered) {
        const chunk: unknown = read(size)
        if (size === undefined) isAwaited = chunk === null
        return chunk
      }
      const chunk = offer
      offer = null
      return chunk
    },
    unshift(...args: Parameters<typeof unshift>): void {
      isAwaited = false
      isOffered = false
      unshift(...args)
    },
  })
}
