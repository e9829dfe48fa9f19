import type { Socket } from 'node:net'

/**
 * Hands what an upstream's socket reads to undici in the same call, in place of queueing it, telling that there is
 * something in the next tick, and being asked for it twice, of which a short event is felt. Only while undici has taken
 * all there was: what it puts back, and what comes behind that, is queued as ever, and so is how a head begins. To be
 * called behind whatever else takes the socket's bytes in hand.
 */
export function handOver(socket: Socket, isHeadDue: () => boolean): void {
  const push = socket.push.bind(socket)
  const read = socket.read.bind(socket)
  const unshift = socket.unshift.bind(socket)
  /** It was asked for more and had none: Node waits for the next bytes, and so does undici. */
  let isAwaited = false
  let isOffered = false
  let offer: Buffer | null = null

  Object.assign(socket, {
    push(...args: Parameters<typeof push>): boolean {
      const chunk: unknown = args[0]
      if (!isAwaited || isHeadDue() || !Buffer.isBuffer(chunk) || chunk.length === 0) {
        isAwaited = false
        return push(...args)
      }
      offer = chunk
      isOffered = true
      try {
        socket.emit('readable')
      } catch (cause) {
        // Bytes may be lost, and none may follow them.
        offer = null
        socket.destroy()
        throw cause
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
      if (!isOffered || size !== undefined) {
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
