import type { BulkTurns } from './bulk-turns.ts'

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
  /** Bytes since it was last its turn, or asked; and how many pass until it asks. */
  passed: number
  allowed: number
}

/** What passes without a question: an answer of JSON never asks, and events once in a while. */
const UNASKED_BYTES = 16 * 1024

/** What passes in a turn. What is left of a read is put back and copied with the next: often, if this is little. */
const BYTES_A_TURN = 64 * 1024

export const createFlow = (turns: BulkTurns): Flow => ({
  turns,
  source: undefined,
  isFull: false,
  isWaiting: false,
  passed: 0,
  allowed: UNASKED_BYTES,
})

/** A chunk has gone on to the client, who has room for more or has not. */
export function passOn(flow: Flow, bytes: number, hasRoom: boolean): void {
  flow.isFull = !hasRoom
  if (flow.isFull) flow.source?.pause()
  flow.passed += bytes
  if (flow.passed >= flow.allowed && !flow.isWaiting) ask(flow)
}

/** The client has room. */
export function makeReady(flow: Flow): void {
  flow.isFull = false
  goOn(flow)
}

function goOn({ source, isFull, isWaiting }: Flow): void {
  if (!isFull && !isWaiting) source?.resume()
}

function ask(flow: Flow): void {
  const mayPass = flow.turns.take(flow.passed)
  flow.passed = 0
  flow.allowed = UNASKED_BYTES
  if (mayPass) return
  flow.isWaiting = true
  flow.source?.pause()
  flow.turns.wait(() => {
    flow.isWaiting = false
    flow.allowed = BYTES_A_TURN
    goOn(flow)
  })
}
