import { type BulkTurns, BYTES_A_TURN } from './bulk-turns.ts'

interface Source {
  pause(): void
  resume(): void
}

/** Whether an upstream may send on: its client has room, and it is its turn. */
export interface Flow {
  readonly turns: BulkTurns
  /** What sends now, if anything does. */
  source: Source | undefined
  isFull: boolean
  isWaiting: boolean
  /** Bytes since it was last its turn, or asked; when the first of them came; and how many pass until it asks. */
  passed: number
  since: number
  allowed: number
}

/** What passes without a question: most answers of JSON never ask. */
const UNASKED_BYTES = 16 * 1024

/** What takes longer for as much, 320 kB a second or less, is no flood: no model speaks as fast. */
const UNASKED_MS = 50

export const createFlow = (turns: BulkTurns): Flow => ({
  turns,
  source: undefined,
  isFull: false,
  isWaiting: false,
  passed: 0,
  since: 0,
  allowed: UNASKED_BYTES,
})

/** A chunk has gone on to the client, who has room for more or has not. */
export function passOn(flow: Flow, bytes: number, hasRoom: boolean): void {
  flow.isFull = !hasRoom
  if (flow.isFull) flow.source?.pause()
  if (flow.passed === 0) flow.since = performance.now()
  flow.passed += bytes
  if (flow.passed >= flow.allowed && !flow.isWaiting) ask(flow)
}

/** The client has room. */
export function makeReady(flow: Flow): void {
  flow.isFull = false
  goOn(flow)
}

/** Returns whether it does: its client may be full, and it may have ended. */
function goOn({ source, isFull, isWaiting }: Flow): boolean {
  if (isFull || isWaiting || source === undefined) return false
  source.resume()
  return true
}

function ask(flow: Flow): void {
  const isSlow = performance.now() - flow.since > UNASKED_MS
  const mayPass = isSlow || flow.turns.take(flow.passed)
  flow.passed = 0
  flow.allowed = UNASKED_BYTES
  if (mayPass) return
  flow.isWaiting = true
  flow.source?.pause()
  flow.turns.wait(() => {
    flow.isWaiting = false
    flow.allowed = BYTES_A_TURN
    return goOn(flow)
  })
}
