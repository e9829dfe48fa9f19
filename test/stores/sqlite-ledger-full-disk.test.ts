/**
 * A full disk takes nobody's budget away and stops nobody at first: what happens is kept in memory, said loudly,
 * and written when there is room again. Only when that memory is full are clients with a budget refused.
 */
import { describe, expect, it, onTestFinished } from 'vitest'

import type { LedgerNotice, LedgerStore } from '../../src/stores/ledger-store.ts'
import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import { type SmallDisk, smallDisks } from '../helpers/full-disk.ts'
import { makeEntry, makeReservation, moneyCap, NOON } from '../helpers/ledger.ts'

interface Started {
  readonly store: LedgerStore
  readonly notices: LedgerNotice[]
}

function startStore(folder: string, maxBacklogChars?: number): Started {
  const notices: LedgerNotice[] = []
  const store = createSqliteLedgerStore({
    folder,
    timeZone: 'UTC',
    retentionDays: 36_500,
    maxBacklogChars,
    onNotice: (notice) => notices.push(notice),
  })
  onTestFinished(() => store.close())
  return { store, notices }
}

const caps = [moneyCap(100)]

async function spend(store: LedgerStore, costMicros: number): Promise<void> {
  const reservation = makeReservation({ caps })
  expect(await store.open(reservation)).toMatchObject({ isGranted: true })
  await store.settle(makeEntry(reservation, costMicros))
}

const spentOf = (store: LedgerStore) =>
  store.spent({ clientId: 'alice', period: 'day', currency: 'CNY', at: NOON })

const errorsIn = (notices: readonly LedgerNotice[]): string[] =>
  notices.filter(({ level }) => level === 'error').map(({ message }) => message)

describe.each(smallDisks)('%s', (_name, create) => {
  const openDisk = (skip: (reason: string) => never): SmallDisk =>
    create() ?? skip('this machine cannot make one')

  it('is waited for: budgets hold, and every entry is written once', async ({ skip }) => {
    const disk = openDisk(skip)
    const { store, notices } = startStore(disk.folder)
    await spend(store, 10)
    expect(await spentOf(store)).toEqual({ costMicros: 10, requests: 1 })

    disk.fill()
    for (let index = 0; index < 8; index++) await spend(store, 10)
    await expect.poll(() => store.isReady()).toBe(false)
    expect(errorsIn(notices).join()).toContain('cannot be written')
    // An entry that was never opened makes the store ask the database, which lags behind.
    await store.settle(makeEntry(makeReservation({ clientId: 'bob' }), 1))
    await spend(store, 10)
    await new Promise((resolve) => setTimeout(resolve, 300))
    expect(await store.open(makeReservation({ caps }))).toMatchObject({ isGranted: false })

    disk.free()
    await expect.poll(() => store.isReady(), { timeout: 10_000 }).toBe(true)
    expect(await spentOf(store)).toEqual({ costMicros: 100, requests: 10 })
    await store.close()
    const next = startStore(disk.folder)
    expect(await spentOf(next.store)).toEqual({ costMicros: 100, requests: 10 })
    expect(next.notices).toEqual([])
  })

  it('refuses clients with a budget when what is kept in memory has no room left', async ({
    skip,
  }) => {
    const disk = openDisk(skip)
    const { store } = startStore(disk.folder, 1000)
    await spend(store, 10)
    disk.fill()
    const settled: string[] = []
    await expect(async () => {
      for (;;) {
        const reservation = makeReservation({ caps })
        await store.open(reservation)
        settled.push(reservation.id)
        await store.settle(makeEntry(reservation, 1))
      }
    }).rejects.toMatchObject({ status: 503, headers: { 'retry-after': '1' } })
    const unbounded = makeReservation()
    expect(await store.open(unbounded)).toMatchObject({ isGranted: true })
    await store.settle(makeEntry(unbounded, 1))
    expect(store.stats().droppedEntries).toBeGreaterThan(0)

    disk.free()
    await expect.poll(() => store.isReady(), { timeout: 10_000 }).toBe(true)
    expect(await store.open(makeReservation({ caps }))).toMatchObject({ isGranted: true })
    const { requests } = await spentOf(store)
    expect(requests).toBe(settled.length + 2 - store.stats().droppedEntries)
  })

  it('is waited for at the start, too', async ({ skip }) => {
    const disk = openDisk(skip)
    disk.fill()
    const { store, notices } = startStore(disk.folder)
    const unbounded = makeReservation()
    expect(await store.open(unbounded)).toMatchObject({ isGranted: true })
    await store.settle(makeEntry(unbounded, 7))
    // Nobody can say what was spent of a budget.
    await expect(store.open(makeReservation({ caps }))).rejects.toMatchObject({ status: 503 })
    expect(errorsIn(notices).join()).toContain('cannot be written')

    disk.free()
    await expect.poll(() => store.isReady(), { timeout: 10_000 }).toBe(true)
    expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
    expect(await store.open(makeReservation({ caps }))).toMatchObject({ isGranted: true })
  })
})
