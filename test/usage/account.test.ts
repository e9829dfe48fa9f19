import { expect, it, onTestFinished } from 'vitest'

import { KeystowError } from '../../src/errors.ts'
import type { LedgerStore } from '../../src/stores/ledger-store.ts'
import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import { type Account, openAccount } from '../../src/usage/account.ts'
import type { Reservation } from '../../src/usage/budget.ts'
import { reservationAmounts } from '../../src/usage/reservation-amounts.ts'
import { makeEntry, makeReservation, moneyCap } from '../helpers/ledger.ts'

const STEP = 10

function openStore(): LedgerStore {
  const store = createSqliteLedgerStore({ timeZone: 'UTC', retentionDays: 1, onNotice() {} })
  onTestFinished(() => store.close())
  return store
}

/** A stream whose events cost 1 each, as fast as its account lets it. */
async function stream(
  store: Pick<LedgerStore, 'open' | 'grow' | 'settle'>,
  parts: Partial<Reservation>,
) {
  const reservation = makeReservation(parts)
  let resume = (): void => {}
  const errors: KeystowError[] = []
  const account = await openAccount({
    store,
    reservation,
    stepMicros: STEP,
    onResume: () => resume(),
    onExhausted(cause) {
      errors.push(cause)
      resume()
    },
  })
  let spent = 0
  return {
    account,
    reservation,
    /** Writes so many events, or as many as it may. */
    async write(events: number): Promise<number> {
      for (let written = 0; written < events && errors.length === 0; written++) {
        const resumed = new Promise<void>((resolve) => {
          resume = resolve
        })
        if (!account.spend(++spent)) await resumed
      }
      return spent
    },
    error: () => errors[0],
    settle: () => account.settle(makeEntry(reservation, spent)),
  }
}

const bounded = { minimumMicros: STEP, wantedMicros: STEP }

it('lets a stream run as long as its budget lasts, and one event further', async () => {
  const store = openStore()
  const running = await stream(store, { caps: [moneyCap(100)], ...bounded })
  expect(await running.write(1000)).toBe(101)
  expect(running.error()).toMatchObject({ status: 429, code: 'budget_exceeded' })
  expect(running.error()?.headers).toEqual({ 'x-should-retry': 'false' })
})

it('lets a stream without a cap run', async () => {
  const running = await stream(openStore(), bounded)
  expect(await running.write(1000)).toBe(1000)
})

it('lets a stream go on with what another has given back', async () => {
  const store = openStore()
  const caps = [moneyCap(100)]
  const other = await stream(store, { caps, minimumMicros: 80, wantedMicros: 80 })
  const running = await stream(store, { caps, ...bounded })
  expect(await running.write(15)).toBe(15)
  await other.settle()
  expect(await running.write(60)).toBe(75)
  expect(running.error()).toBeUndefined()
})

it('shares what is left between streams, and none passes it by more than an event', async () => {
  const store = openStore()
  const streams = await Promise.all(
    Array.from({ length: 8 }, () => stream(store, { caps: [moneyCap(200)], ...bounded })),
  )
  const spent = await Promise.all(streams.map((one) => one.write(1000)))
  const sum = spent.reduce((a, b) => a + b, 0)
  expect(sum).toBeGreaterThanOrEqual(200)
  expect(sum).toBeLessThanOrEqual(200 + streams.length)
})

it('refuses a call whose budget is spent, and says until when', async () => {
  const store = openStore()
  const first = await stream(store, { caps: [moneyCap(100)], minimumMicros: 95, wantedMicros: 95 })
  const opening = stream(store, { caps: [moneyCap(100)], ...bounded })
  await expect(opening).rejects.toMatchObject({
    status: 429,
    type: 'insufficient_quota',
    message:
      'What is left of the daily budget of this client is not enough for this request. It begins anew at 2026-10-15T00:00:00.000Z.',
    headers: { 'x-should-retry': 'false' },
  })
  await first.settle()
})

it('asks for more before it is needed', async () => {
  const asked: number[] = []
  let account: Account | undefined
  account = await openAccount({
    store: {
      open: async () => ({ isGranted: true, grantedMicros: STEP }),
      async grow(_id, wanted) {
        asked.push(wanted)
        return wanted
      },
      settle: async () => {},
    },
    reservation: makeReservation(bounded),
    stepMicros: STEP,
    onResume() {},
    onExhausted() {},
  })
  for (let spent = 1; spent <= 100; spent++) {
    expect(account.spend(spent)).toBe(true)
    await Promise.resolve()
  }
  expect(asked.every((wanted) => wanted === STEP)).toBe(true)
})

it('holds a stream that is faster than the store, and lets it go on with the answer', async () => {
  let answer = (_more: number): void => {}
  const running = await stream(
    {
      open: async () => ({ isGranted: true, grantedMicros: STEP }),
      grow: () =>
        new Promise((resolve) => {
          answer = resolve
        }),
      settle: async () => {},
    },
    bounded,
  )
  let written = 0
  const writing = running.write(15).then((events) => {
    written = events
  })
  await new Promise((resolve) => setImmediate(resolve))
  expect(written).toBe(0)
  answer(STEP)
  await writing
  expect(written).toBe(15)
})

it('cuts a stream with the trouble of the store when that is what holds it', async () => {
  const running = await stream(
    {
      open: async () => ({ isGranted: true, grantedMicros: STEP }),
      grow: async () => {
        throw new KeystowError('storeUnavailable')
      },
      settle: async () => {},
    },
    bounded,
  )
  expect(await running.write(100)).toBe(STEP + 1)
  expect(running.error()).toMatchObject({ status: 503, code: 'store_unavailable' })
})

it('calls nobody back once it is settled', async () => {
  let answer = (_more: number): void => {}
  const running = await stream(
    {
      open: async () => ({ isGranted: true, grantedMicros: STEP }),
      grow: () =>
        new Promise((resolve) => {
          answer = resolve
        }),
      settle: async () => {},
    },
    bounded,
  )
  void running.write(STEP + 1)
  await running.settle()
  answer(0)
  await new Promise((resolve) => setImmediate(resolve))
  expect(running.error()).toBeUndefined()
})

it('reserves a step of a stream, more of an answer that cannot grow, and never the worst case', () => {
  const outlook = { inputMicros: 5, maxOutputMicros: 100_000, stepMicros: 10, isStream: true }
  expect(reservationAmounts(outlook)).toEqual({ minimumMicros: 15, wantedMicros: 15 })
  expect(reservationAmounts({ ...outlook, isStream: false })).toEqual({
    minimumMicros: 15,
    wantedMicros: 165,
  })
  expect(reservationAmounts({ ...outlook, maxOutputMicros: 3, isStream: false })).toEqual({
    minimumMicros: 8,
    wantedMicros: 8,
  })
  expect(reservationAmounts({ ...outlook, maxOutputMicros: undefined })).toEqual({
    minimumMicros: 15,
    wantedMicros: 15,
  })
})
