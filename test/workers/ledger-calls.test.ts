import { setTimeout as sleep } from 'node:timers/promises'
import { MessageChannel } from 'node:worker_threads'

import { describe, expect, it, onTestFinished, vi } from 'vitest'

import type { Estimate, Reservation } from '../../src/usage/budget.ts'
import { createCalls } from '../../src/workers/calls.ts'
import {
  createRemoteLedger,
  type LedgerCalls,
  serveLedger,
  type ServingLedger,
} from '../../src/workers/ledger-calls.ts'
import { makeEntry, makeEstimate, makeReservation, moneyCap } from '../helpers/ledger.ts'

/** The main thread asks nothing here. */
type Nothing = Readonly<Record<string, never>>

type Told = readonly (readonly [string, Estimate])[]

/** A thread's ledger, and what the main thread is told over a real channel. */
function startRemote() {
  const { port1, port2 } = new MessageChannel()
  const told: Told[] = []
  const opened: LedgerCalls['open']['input'][] = []
  const stats = { inFlight: 0, lagMs: 0, droppedEntries: 0, isDurable: true }
  const main = createCalls<LedgerCalls, Nothing>(port1, {
    open(reservation) {
      opened.push(reservation)
      return { isGranted: true, grantedMicros: Infinity }
    },
    grow: () => 0,
    settle: () => {},
    progress: (estimates) => void told.push(estimates),
    spent: () => ({ costMicros: 0, requests: 0 }),
    usage: () => [],
    ledgerState: () => ({ stats, isReady: true }),
  })
  const calls = createCalls<Nothing, LedgerCalls>(port2, {})
  const ledger = createRemoteLedger(calls)
  onTestFinished(async () => {
    await ledger.close()
    calls.close()
    main.close()
  })
  return { ledger, told, opened }
}

/** Requests that run, and have used so much each. */
async function openRunning(ledger: ServingLedger, count: number) {
  const running = Array.from({ length: count }, () => {
    const use = { micros: 1 }
    return { use, reservation: makeReservation({ estimate: () => makeEstimate(use.micros) }) }
  })
  for (const { reservation } of running) await ledger.open(reservation)
  return running
}

const ROUND_MS = 500

describe('what a thread tells of its running requests', () => {
  it('is what has changed, a few at a time', async () => {
    const { ledger, told } = startRemote()
    const running = await openRunning(ledger, 100)

    const changed = running.slice(20, 80)
    for (const { use } of changed) use.micros = 7

    await vi.waitFor(() => expect(told.flat()).toHaveLength(changed.length), { timeout: 5000 })
    // Nobody is told of twice.
    await sleep(2 * ROUND_MS)
    const ids = changed.map(({ reservation }) => reservation.id)
    expect(
      told
        .flat()
        .map(([id]) => id)
        .toSorted(),
    ).toEqual(ids.toSorted())
    expect(told.flat().every(([, { costMicros }]) => costMicros === 7)).toBe(true)
    expect(Math.max(...told.map((part) => part.length))).toBeLessThanOrEqual(11)
  })

  it('is nothing of those that are settled', async () => {
    const { ledger, told } = startRemote()
    const [ended, going] = await openRunning(ledger, 2)
    if (ended === undefined || going === undefined) throw new Error('none opened')

    await ledger.settle(makeEntry(ended.reservation, 3))
    ended.use.micros = going.use.micros = 9

    await vi.waitFor(() => expect(told.flat()).toHaveLength(1), { timeout: 5000 })
    expect(told.flat()[0]?.[0]).toBe(going.reservation.id)
  })
})

describe('caps that a thread sends', () => {
  it('are sent once, also where other lists come between', async () => {
    const { ledger, opened } = startRemote()
    const [few, many] = [[moneyCap(1)], [moneyCap(2), moneyCap(3)]]
    for (const caps of [few, many, few, many]) await ledger.open(makeReservation({ caps }))
    expect(opened.map(({ caps }) => caps)).toEqual([
      { number: 0, list: few },
      { number: 1, list: many },
      { number: 0, list: undefined },
      { number: 1, list: undefined },
    ])
  })

  it('are each request’s own, after more lists than are kept in mind', async () => {
    const { ledger, opened } = startRemote()
    const asked: Reservation[] = []
    const store: ServingLedger = {
      ...ledger,
      async open(reservation) {
        asked.push(reservation)
        return { isGranted: true, grantedMicros: 1 }
      },
    }
    const { handlers } = serveLedger(store)
    const lists = Array.from({ length: 1500 }, (_, i) => [moneyCap(i)])
    for (const caps of [...lists, ...lists.slice(0, 3)])
      await ledger.open(makeReservation({ caps }))
    for (const sent of opened) await handlers.open(sent)
    const caps = [...lists, ...lists.slice(0, 3)]
    expect(asked.map(({ caps: [cap] }) => cap)).toEqual(caps.map(([cap]) => cap))
  })
})

it('tells of an entry that the ledger has not taken', async () => {
  const { ledger } = startRemote()
  const error = new Error('the disk is gone')
  const store: ServingLedger = { ...ledger, settle: () => Promise.reject(error) }
  const onUnsettled = vi.fn<(error: unknown, requestId: string) => void>()
  const { handlers } = serveLedger(store, onUnsettled)
  const reservation = makeReservation()
  await handlers.settle(makeEntry(reservation, 7))
  expect(onUnsettled).toHaveBeenCalledExactlyOnceWith(error, reservation.id)
})
