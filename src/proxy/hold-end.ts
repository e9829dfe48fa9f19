import type { Socket } from 'node:net'

/**
 * Keeps the end of an upstream's connection from undici for as long as undici has paused: it takes it at once, and in
 * the middle of an answer that has come whole and has not been looked at to its end (7.30, `onHttpSocketEnd` in
 * `client-h1.js`): the answer would be told as broken, or, framed by that end, fail an assertion and hang.
 */
export function holdEnd(socket: Socket): void {
  const read = socket.read.bind(socket)
  const unshift = socket.unshift.bind(socket)
  const push = socket.push.bind(socket)
  let isPaused = false
  let hasEnded = false
  Object.assign(socket, {
    /** What undici does when it pauses, also where nothing is left to be put back. */
    unshift(...args: Parameters<typeof unshift>): void {
      isPaused = true
      unshift(...args)
    },
    push(...args: Parameters<typeof push>): boolean {
      hasEnded ||= args[0] === null
      return push(...args)
    },
    /** Node asks for nothing to see whether this was the end; undici asks for what there is, to go on. */
    read(size?: number): unknown {
      if (size !== undefined) {
        return size === 0 && isPaused && socket.readableLength === 0 ? null : read(size)
      }
      const wasPaused = isPaused
      isPaused = false
      if (!hasEnded) return read()
      // Whoever takes all of it without saying how much is told of the end, though it may pause at these very bytes.
      if (socket.readableLength > 0) return read(socket.readableLength)
      // undici asks a first time before it knows that it goes on, and again when it does.
      return wasPaused ? null : read()
    },
  })
}
