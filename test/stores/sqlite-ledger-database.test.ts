import { appendFileSync } from 'node:fs'
import type { DatabaseSync } from 'node:sqlite'

import { describe, expect, it, onTestFinished } from 'vitest'

import { openDatabase } from '../../src/stores/sqlite-ledger/database.ts'
import { createEntryWriter } from '../../src/stores/sqlite-ledger/enter.ts'
import { createQueries } from '../../src/stores/sqlite-ledger/queries.ts'
import { formatRunning, formatSettled } from '../../src/stores/sqlite-ledger/records.ts'
import { findLost } from '../../src/stores/sqlite-ledger/recovery.ts'
import { createRetention } from '../../src/stores/sqlite-ledger/retention.ts'
import { createSegmentSink, segmentFile } from '../../src/stores/sqlite-ledger/segments.ts'
import { createCalendar } from '../../src/usage/calendar.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { lostEntryOf } from '../../src/usage/lost-entry.ts'
import { createFolder } from '../helpers/folder.ts'
import { makeEntry, makeReservation, NOON } from '../helpers/ledger.ts'

const DAY_MS = 86_400_000
const ALWAYS = { from: '2000-01-01', to: '2100-01-01' }

const calendar = createCalendar('UTC')

function open(): DatabaseSync {
  const database = openDatabase(undefined, () => {})
  onTestFinished(() => database.close())
  return database
}

const entriesOf = (database: DatabaseSync): LedgerEntry[] =>
  createQueries(database).entries({ from: 0, to: NOON * 2 })

describe('old entries', () => {
  const fill = (database: DatabaseSync, days: number): void =>
    createEntryWriter(database, calendar).enter(
      Array.from({ length: days }, (_, day) =>
        makeEntry(makeReservation({ at: NOON - day * DAY_MS }), 1),
      ),
    )

  it('go after so many days, and their sums stay', () => {
    const database = open()
    fill(database, 10)
    const clocks = { wall: () => NOON, monotonic: () => 0 }
    createRetention({ database, calendar, retentionDays: 3, clocks })()
    expect(entriesOf(database).map(({ at }) => at)).toEqual(
      [3, 2, 1, 0].map((day) => NOON - day * DAY_MS),
    )
    const rows = createQueries(database).usage({ ...ALWAYS, groupBy: 'client' })
    expect(rows).toMatchObject([{ requests: 10 }])
  })

  // A clock that jumps ten years ahead makes every entry look old.
  it('stay when the clock was set since the process began', () => {
    const database = open()
    fill(database, 10)
    let wall = NOON
    const clocks = { wall: () => wall, monotonic: () => 0 }
    const prune = createRetention({ database, calendar, retentionDays: 30, clocks })
    wall = NOON + 3650 * DAY_MS
    prune()
    expect(entriesOf(database)).toHaveLength(10)
    wall = NOON
    prune()
    expect(entriesOf(database)).toHaveLength(10)
  })

  it('go a little at a time', () => {
    const database = open()
    fill(database, 3000)
    const clocks = { wall: () => NOON, monotonic: () => 0 }
    const prune = createRetention({ database, calendar, retentionDays: 1, clocks })
    expect(prune()).toBe(true)
    expect(prune()).toBe(false)
    expect(entriesOf(database)).toHaveLength(2)
  })

  it('go when there are too many for a ledger in memory', () => {
    const database = open()
    fill(database, 10)
    createRetention({ database, calendar, retentionDays: 1000, maxEntries: 4 })()
    expect(entriesOf(database).map(({ at }) => at)).toEqual(
      [3, 2, 1, 0].map((day) => NOON - day * DAY_MS),
    )
  })

  it('take counters of periods with them that nobody asks for any more', () => {
    const database = open()
    fill(database, 1000)
    const clocks = { wall: () => NOON, monotonic: () => 0 }
    createRetention({ database, calendar, retentionDays: 1, clocks })()
    const counters = createQueries(database).counters([
      'CNY/2024-01/instance',
      'CNY/2024-01-20/instance',
      'CNY/2026-10/instance',
    ])
    expect(counters).toEqual([0, 0, 14])
  })
})

// Clients choose what models are called: a new name with every request must not make a new line.
it('adds up models past a number a day under one name, and takes corrections back there', () => {
  const database = open()
  const writer = createEntryWriter(database, calendar, 3)
  const entries = Array.from({ length: 6 }, (_, index) =>
    makeEntry(makeReservation({ model: `model-${index}` }), 10, { isEstimated: true }),
  )
  for (const entry of entries) writer.enter([entry])
  const models = () =>
    createQueries(database)
      .usage({ ...ALWAYS, groupBy: 'model' })
      .map(({ key, requests, costMicros }) => [key, requests, costMicros])
  const single = [0, 1, 2].map((index) => [`model-${index}`, 1, 10])
  expect(models()).toEqual([['(other)', 3, 30], ...single])
  const last = entries.at(-1)
  if (last !== undefined) writer.correct(last, { ...last, costMicros: 4 })
  expect(models()).toEqual([['(other)', 3, 24], ...single])
})

it('enters a batch as a whole or not at all', () => {
  const database = open()
  const writer = createEntryWriter(database, calendar)
  database.exec(`CREATE TRIGGER fail BEFORE INSERT ON entries WHEN new.model = 'bad'
    BEGIN SELECT RAISE(ABORT, 'refused by the test'); END`)
  const batch = ['good', 'bad'].map((model) => makeEntry(makeReservation({ model }), 10))
  expect(() => writer.enter(batch)).toThrow('refused by the test')
  expect(entriesOf(database)).toEqual([])
  expect(createQueries(database).counters(['CNY/2026-10/instance'])).toEqual([0])
})

it('lets a holder that was taken for dead say how it really ended', () => {
  const database = open()
  const writer = createEntryWriter(database, calendar)
  const reservation = makeReservation()
  writer.enter([lostEntryOf(reservation, NOON)])
  const entry = makeEntry(reservation, 30)
  writer.enter([entry])
  writer.enter([lostEntryOf(reservation, NOON)])
  expect(entriesOf(database)).toEqual([entry])
  const queries = createQueries(database)
  expect(queries.counters(['CNY/2026-10/instance', 'requests/2026-10/instance'])).toEqual([30, 1])
})

describe('a journal that was torn', () => {
  it('is read but for the torn lines', () => {
    const folder = createFolder()
    const [first, second, third] = [makeReservation(), makeReservation(), makeReservation()]
    const sink = createSegmentSink(folder)
    const running = [first, second, third].map((one) => formatRunning(lostEntryOf(one, NOON)))
    sink.write(running.join(''))
    sink.close()
    const settled = formatSettled(makeEntry(first, 1))
    // A part of a line, as a full disk leaves it, then more, then the kill.
    appendFileSync(segmentFile(folder, 1), `${settled.slice(0, 40)}\n${settled}["s","tor`)
    expect(findLost(folder).map(({ id }) => id)).toEqual([second.id, third.id])
  })

  it('is gone on with in a file of its own', () => {
    const folder = createFolder()
    appendFileSync(segmentFile(folder, 7), '["r","tor')
    const sink = createSegmentSink(folder)
    const reservation = makeReservation()
    sink.write(formatRunning(lostEntryOf(reservation, NOON)))
    sink.close()
    expect(sink.position().segment).toBe(8)
    expect(findLost(folder)).toMatchObject([{ id: reservation.id, ending: 'lost' }])
  })

  it('is read over many files, whatever their length', () => {
    const folder = createFolder()
    const sink = createSegmentSink(folder, 1000)
    const reservations = Array.from({ length: 100 }, () => makeReservation())
    for (const one of reservations) sink.write(formatRunning(lostEntryOf(one, NOON)))
    for (const one of reservations.slice(1)) sink.write(formatSettled(makeEntry(one, 1)))
    sink.close()
    expect(sink.position().segment).toBeGreaterThan(10)
    expect(findLost(folder).map(({ id }) => id)).toEqual([reservations[0]?.id])
  })
})
