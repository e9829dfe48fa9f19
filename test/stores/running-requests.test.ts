import { expect, it, onTestFinished } from 'vitest'

import { createJournal, type Journal } from '../../src/stores/sqlite-ledger/journal.ts'
import { createRunningRequests } from '../../src/stores/sqlite-ledger/running-requests.ts'
import { makeEstimate, makeReservation, NOON } from '../helpers/ledger.ts'

/** A journal whose disk is full when the test says so, and that keeps what is written by segment. */
function startJournal(maxBacklogChars?: number) {
  const written = new Map<number, string>()
  const disk = { segment: 1, isFull: false }
  const journal: Journal = createJournal({
    sink: {
      write(text) {
        if (disk.isFull) throw new Error('no space left')
        written.set(disk.segment, (written.get(disk.segment) ?? '') + text)
      },
      position: () => ({ segment: disk.segment, offset: 0 }),
      removeBefore: async () => {},
      close() {},
    },
    maxBacklogChars,
    onStateChange() {},
  })
  onTestFinished(() => journal.close())
  const textFrom = (segment: number): string =>
    [...written].flatMap(([found, text]) => (found >= segment ? [text] : [])).join('')
  return { journal, disk, textFrom }
}

it('writes down again what stands in old segments only, before they may go', () => {
  const { journal, disk, textFrom } = startJournal()
  const running = createRunningRequests(journal, () => NOON)
  const ids = Array.from({ length: 100 }, () => {
    const reservation = makeReservation()
    running.add(reservation, 0)
    return reservation.id
  })
  disk.segment = 5
  while (running.step() < 5) journal.flush()
  journal.flush()
  expect(ids.filter((id) => !textFrom(5).includes(id))).toEqual([])
})

// Requests that come faster than a step goes must not keep a round from its end.
it('comes to the end of a round however many come', () => {
  const { journal, disk } = startJournal()
  const running = createRunningRequests(journal, () => NOON)
  disk.segment = 2
  let steps = 0
  while (running.step() < 2 && steps < 1000) {
    steps++
    for (let index = 0; index < 100; index++) running.add(makeReservation(), 0)
  }
  expect(steps).toBeLessThan(1000)
})

it('writes what a request has used when that has changed, and only then', () => {
  const { journal, textFrom } = startJournal()
  let used = 1
  const running = createRunningRequests(journal, () => NOON)
  const reservation = makeReservation({ estimate: () => makeEstimate(used) })
  running.add(reservation, 0)
  const countLines = (): number => {
    for (let step = 0; step < 50; step++) running.step()
    journal.flush()
    return textFrom(0).split('\n').length - 1
  }
  expect(countLines()).toBe(1)
  used = 2
  expect(countLines()).toBe(2)
  expect(countLines()).toBe(2)
})

it('takes nothing for written that the journal did not take', async () => {
  const { journal, disk, textFrom } = startJournal(100)
  const running = createRunningRequests(journal, () => NOON)
  const reservation = makeReservation()
  running.add(reservation, 0)
  journal.flush()
  disk.isFull = true
  expect(running.add(makeReservation(), 0)).toBe(true)
  journal.flush()
  disk.segment = 5
  expect(running.add(makeReservation(), 0)).toBe(false)
  running.grow(reservation.id, 10)
  expect(running.step()).toBe(0)

  disk.isFull = false
  await expect.poll(() => journal.isFailing()).toBe(false)
  while (running.step() < 5) journal.flush()
  journal.flush()
  expect(textFrom(5)).toContain(reservation.id)
})
