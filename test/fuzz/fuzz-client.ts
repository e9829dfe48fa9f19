import { connect } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

import type { RequestCase } from './request-case.ts'

/** What came of a case: the bytes of the answer, or that the connection was still open after all this time. */
export interface Outcome {
  readonly wire: string
  readonly isHung: boolean
}

/** How long a client waits for more before it closes its side. */
const PATIENCE_MS = 100
/** An answer has begun: what follows in the same moment is on its way. */
const REST_MS = 25
/** No connection may be open for longer, once its client has nothing more to say. */
const HANG_MS = 15_000

/** Sends a case over a connection of its own and reads to its end. */
export async function sendCase(port: number, { pieces, end }: RequestCase): Promise<Outcome> {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let wire = ''
  let timer: NodeJS.Timeout | undefined
  let hangTimer: NodeJS.Timeout | undefined
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', () => resolve(false))
    socket.on('error', () => {})
    socket.setEncoding('latin1').on('data', (bytes: string) => {
      wire += bytes
      if (end === 'wait') rest(REST_MS)
    })
    hangTimer = setTimeout(() => resolve(true), HANG_MS)
  })

  function rest(ms: number): void {
    clearTimeout(timer)
    timer = setTimeout(() => socket.end(), ms)
  }

  for (const piece of pieces) {
    if (!socket.writable) break
    if (piece !== '') socket.write(piece, 'latin1')
    if (pieces.length > 1) await nextTurn()
  }
  if (end === 'wait') rest(PATIENCE_MS)
  else if (end === 'close') socket.end()
  else if (end === 'reset') socket.resetAndDestroy()
  const isHung = await closed
  clearTimeout(timer)
  clearTimeout(hangTimer)
  socket.destroy()
  return { wire, isHung }
}
