import { describe, expect, it, onTestFinished } from 'vitest'

import { createDrain } from '../../src/drain.ts'
import { createRequestTurns } from '../../src/http/request-turns.ts'

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

function start() {
  let waiting = 0
  const turns = createRequestTurns({ onWait: () => waiting++, onBegun: () => waiting-- })
  const begun: number[] = []
  return { turns, begun, waiting: () => waiting }
}

function startRequests(count: number, workMs = 0) {
  const started = start()
  for (let index = 0; index < count; index++) {
    started.turns.take(() => {
      started.begun.push(index)
      const until = performance.now() + workMs
      while (performance.now() < until);
    })
  }
  return started
}

const numbers = (count: number): number[] => Array.from({ length: count }, (_, index) => index)

async function untilNobodyWaits(waiting: () => number): Promise<number> {
  for (let turns = 0; turns < 1000; turns++) {
    if (waiting() === 0) return turns
    await nextTurn()
  }
  throw new Error('somebody waits for ever')
}

describe('requests that come at once', () => {
  it('begin at once while they are few', () => {
    const { begun, waiting } = startRequests(4)
    expect(begun).toEqual(numbers(4))
    expect(waiting()).toBe(0)
  })

  it('begin over many turns of the event loop when they are many, in the order in which they came', async () => {
    const { begun, waiting } = startRequests(50, 4)
    expect(waiting()).toBe(46)
    expect(await untilNobodyWaits(waiting)).toBeGreaterThan(3)
    expect(begun).toEqual(numbers(50))
  })

  it('take few turns when they cost nothing', async () => {
    const { begun, waiting } = startRequests(1000)
    expect(await untilNobodyWaits(waiting)).toBeLessThan(100)
    expect(begun).toEqual(numbers(1000))
  })

  it('each come with what follows from them, which counts as theirs', async () => {
    const { turns, begun, waiting } = start()
    const log: string[] = []
    for (const index of numbers(6)) {
      turns.take(() => {
        begun.push(index)
        log.push(`${index} begins`)
        void Promise.resolve()
          .then(() => {})
          .then(() => log.push(`${index} goes on`))
      })
    }
    await untilNobodyWaits(waiting)
    expect(log.slice(-4)).toEqual(['4 begins', '4 goes on', '5 begins', '5 goes on'])
  })

  it('do not all begin at once where the process stood still', async () => {
    const { waiting } = startRequests(100, 4)
    const until = performance.now() + 2000
    while (performance.now() < until);
    await nextTurn()
    expect(waiting()).toBeGreaterThan(50)
    await untilNobodyWaits(waiting)
  })

  it('do not overtake those that wait', async () => {
    const { turns, begun, waiting } = startRequests(30, 4)
    await nextTurn()
    turns.take(() => begun.push(30))
    expect(begun.at(-1)).not.toBe(30)
    await untilNobodyWaits(waiting)
    expect(begun).toEqual(numbers(31))
  })

  it('begin at once again when nobody waits any more', async () => {
    const { turns, begun, waiting } = startRequests(30)
    await untilNobodyWaits(waiting)
    await nextTurn()
    turns.take(() => begun.push(30))
    expect(begun).toEqual(numbers(31))
  })

  it('tell how long the one has waited that begins', async () => {
    const { turns, waiting } = start()
    const waits: number[] = []
    for (let index = 0; index < 10; index++) turns.take(() => waits.push(turns.waitedMs()))
    await untilNobodyWaits(waiting)
    expect(waits.slice(0, 4)).toEqual([0, 0, 0, 0])
    expect(waits.slice(4).every((wait) => wait > 0)).toBe(true)
    expect(turns.waitedMs()).toBe(0)
  })

  it('all begin, also where one of them fails', async () => {
    const failures: unknown[] = []
    const others = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => failures.push(error))
    onTestFinished(() => {
      process.removeAllListeners('uncaughtException')
      for (const other of others) process.on('uncaughtException', other)
    })
    const { turns, begun, waiting } = start()
    const failure = new Error('it cannot begin')
    for (let index = 0; index < 12; index++) {
      turns.take(() => {
        if (index === 5) throw failure
        begun.push(index)
      })
    }
    await untilNobodyWaits(waiting)
    expect(begun).toEqual(numbers(12).filter((index) => index !== 5))
    expect(failures).toEqual([failure])
  })

  it('are waited for by a process that is to end', async () => {
    const drain = createDrain()
    const turns = createRequestTurns({ onWait: drain.enter, onBegun: drain.leave })
    let begun = 0
    for (let index = 0; index < 10; index++) turns.take(() => begun++)
    expect(begun).toBe(4)
    await drain.start(10_000)
    expect(begun).toBe(10)
  })
})
