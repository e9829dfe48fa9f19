import { describe, expect, it, onTestFinished, vi } from 'vitest'

import { createBulkTurns } from '../../src/proxy/bulk-turns.ts'
import { createFlow, makeReady, passOn } from '../../src/proxy/flow.ts'

const PIECE = 16 * 1024
/** What a socket holds, and one piece that nobody asks for. */
const PIECES_A_TURN = 5

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

/** Streams that always have more; the log tells which of them passed a piece, in their order. */
function startFloods(count: number): number[] {
  const turns = createBulkTurns()
  const log: number[] = []
  const floods = Array.from({ length: count }, (_, index) => {
    let isPaused = false
    const flow = createFlow(turns)
    flow.source = { pause: () => (isPaused = true), resume: send }
    function send(): void {
      isPaused = false
      for (let piece = 0; piece < 10_000; piece++) {
        log.push(index)
        passOn(flow, PIECE, true)
        if (isPaused) return
      }
    }
    return send
  })
  for (const send of floods) send()
  return log
}

describe('streams that send as fast as they are read', () => {
  it('pass one after the other, each as much as a socket holds in a turn of the event loop', async () => {
    const log = startFloods(20)
    for (let turn = 0; turn < 20; turn++) {
      const before = log.length
      await nextTurn()
      expect(log.length - before).toBeGreaterThan(0)
      expect(log.length - before).toBeLessThanOrEqual(PIECES_A_TURN)
      expect(new Set(log.slice(before)).size).toBe(1)
    }
  })

  it('all come to their turn', async () => {
    const log = startFloods(20)
    for (let turn = 0; turn < 100; turn++) await nextTurn()
    const pieces = Array.from(
      { length: 20 },
      (_, index) => log.filter((one) => one === index).length,
    )
    expect(Math.min(...pieces)).toBeGreaterThan(10)
  })

  it('need not wait for longer than a turn when they are alone', async () => {
    const log = startFloods(1)
    for (let turn = 0; turn < 20; turn++) {
      const before = log.length
      await nextTurn()
      expect(log.length).toBeGreaterThan(before)
    }
  })
})

function startFlow() {
  const turns = createBulkTurns()
  const calls: string[] = []
  const source = { pause: () => calls.push('pause'), resume: () => calls.push('resume') }
  const flow = createFlow(turns)
  flow.source = source
  // Others have used up what there is.
  turns.take(10_000_000)
  return { flow, calls }
}

describe('a flow', () => {
  it('goes on when its client has room before its turn comes', async () => {
    const { flow, calls } = startFlow()
    passOn(flow, PIECE, false)
    makeReady(flow)
    expect(calls).not.toContain('resume')
    await nextTurn()
    expect(calls.filter((call) => call === 'resume')).toHaveLength(1)
  })

  it('goes on when its turn comes before its client has room', async () => {
    const { flow, calls } = startFlow()
    passOn(flow, PIECE, false)
    await nextTurn()
    await nextTurn()
    expect(calls).not.toContain('resume')
    makeReady(flow)
    expect(calls.filter((call) => call === 'resume')).toHaveLength(1)
  })

  it('never waits for a turn at the pace of a model, however much it becomes', () => {
    vi.useFakeTimers({ toFake: ['performance'] })
    onTestFinished(() => void vi.useRealTimers())
    const { flow, calls } = startFlow()
    for (let event = 0; event < 1000; event++) {
      passOn(flow, 300, true)
      vi.advanceTimersByTime(20)
    }
    expect(calls).toEqual([])
  })

  it('takes no turn from the others when it has ended, or its client has no room', async () => {
    const turns = createBulkTurns()
    const flows = Array.from({ length: 3 }, () => createFlow(turns))
    const [ended, full, open] = flows
    const resumed: unknown[] = []
    for (const flow of flows) flow.source = { pause() {}, resume: () => resumed.push(flow) }
    turns.take(10_000_000)
    for (const flow of flows) passOn(flow, PIECE, flow !== full)
    if (ended !== undefined) ended.source = undefined
    await nextTurn()
    expect(resumed).toEqual([open])
  })

  it('waits for its client alone while it is small', () => {
    const { flow, calls } = startFlow()
    passOn(flow, 300, true)
    expect(calls).toEqual([])
    passOn(flow, 300, false)
    expect(calls).toEqual(['pause'])
    makeReady(flow)
    expect(calls).toEqual(['pause', 'resume'])
  })
})
