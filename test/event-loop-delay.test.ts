import { describe, expect, it, onTestFinished } from 'vitest'

import { watchEventLoopDelay } from '../src/event-loop-delay.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

function standStill(ms: number): void {
  const until = performance.now() + ms
  while (performance.now() < until);
}

function watch() {
  const delay = watchEventLoopDelay()
  onTestFinished(() => delay.stop())
  return delay
}

describe('the delay of the event loop', () => {
  it.each([300, 700, 1300])('is told of turns of %i ms, one after the other', async (turnMs) => {
    const delay = watch()
    for (let turn = 0; turn < Math.max(4, 2000 / turnMs); turn++) {
      standStill(turnMs)
      await nextTurn()
    }
    expect(delay.current()).toBeGreaterThan(turnMs * 0.7)
  })

  it('is told of long turns with a little time between them', async () => {
    const delay = watch()
    for (let turn = 0; turn < 4; turn++) {
      standStill(1200)
      await new Promise((resolve) => setTimeout(resolve, 50))
    }
    expect(delay.current()).toBeGreaterThan(200)
  })

  it('is nothing for one long turn', async () => {
    const delay = watch()
    for (let turn = 0; turn < 3; turn++) await new Promise((resolve) => setTimeout(resolve, 500))
    standStill(1500)
    await nextTurn()
    expect(delay.current()).toBeLessThan(750)
  })
})
