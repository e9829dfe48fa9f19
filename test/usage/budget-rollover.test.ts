import { expect, it, onTestFinished } from 'vitest'

import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import type { BudgetCap } from '../../src/usage/budget.ts'
import { makeEntry, makeReservation, moneyCap } from '../helpers/ledger.ts'

function openStore(timeZone: string) {
  const store = createSqliteLedgerStore({ timeZone, retentionDays: 36_500, onNotice() {} })
  onTestFinished(() => store.close())
  /** Asks at a moment of the clock; tells until when it is refused, if it is. */
  return async function ask(at: string, caps: readonly BudgetCap[]): Promise<string | undefined> {
    const reservation = makeReservation({
      at: Date.parse(at),
      caps,
      minimumMicros: 60,
      wantedMicros: 60,
    })
    const opening = await store.open(reservation)
    if (!opening.isGranted) return new Date(opening.refusal.resetAt).toISOString()
    await store.settle(makeEntry(reservation, 60))
    return undefined
  }
}

it.each([
  // Midnight in Shanghai is four in the afternoon in London's winter.
  { timeZone: 'Asia/Shanghai', midnight: '2026-10-14T16:00:00.000Z' },
  { timeZone: 'UTC', midnight: '2026-10-15T00:00:00.000Z' },
  { timeZone: 'America/St_Johns', midnight: '2026-10-15T02:30:00.000Z' },
])('a daily budget begins anew at midnight in $timeZone', async ({ timeZone, midnight }) => {
  const ask = openStore(timeZone)
  const caps = [moneyCap(100)]
  const just = (ms: number): string => new Date(Date.parse(midnight) + ms).toISOString()
  expect(await ask(just(-3_600_000), caps)).toBe(undefined)
  expect(await ask(just(-1), caps)).toBe(midnight)
  expect(await ask(just(0), caps)).toBe(undefined)
  // Who began before midnight still spends the budget of the day before.
  expect(await ask(just(-1), caps)).toBe(midnight)
})

it('a day of a change of clocks is as long as it is', async () => {
  const ask = openStore('Europe/Berlin')
  const caps = [moneyCap(100)]
  // 25 October 2026 has 25 hours there: from 22:00 to 23:00 in UTC.
  expect(await ask('2026-10-24T22:00:00Z', caps)).toBe(undefined)
  expect(await ask('2026-10-25T22:59:59Z', caps)).toBe('2026-10-25T23:00:00.000Z')
  expect(await ask('2026-10-25T23:00:00Z', caps)).toBe(undefined)
})

it('a monthly budget begins anew with the month of the time zone', async () => {
  const ask = openStore('Asia/Shanghai')
  const caps = [moneyCap(100, { period: 'month' }), moneyCap(1000)]
  expect(await ask('2026-10-10T12:00:00Z', caps)).toBe(undefined)
  expect(await ask('2026-10-31T15:59:59Z', caps)).toBe('2026-10-31T16:00:00.000Z')
  expect(await ask('2026-10-31T16:00:00Z', caps)).toBe(undefined)
})

it('a quota of requests begins anew as a budget does', async () => {
  const ask = openStore('Asia/Shanghai')
  const caps = [moneyCap(1, { unit: 'requests' })]
  expect(await ask('2026-10-14T15:00:00Z', caps)).toBe(undefined)
  expect(await ask('2026-10-14T15:59:59Z', caps)).toBe('2026-10-14T16:00:00.000Z')
  expect(await ask('2026-10-14T16:00:00Z', caps)).toBe(undefined)
})
