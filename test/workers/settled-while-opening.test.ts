/**
 * A thread that waits too long for its `open` answers the client 503 and settles the request; or it dies. The main
 * thread went on waiting for the database, and then reserved for what was over: nothing ever gave that back, and
 * budgets and quotas were used up by calls that nobody had made.
 */
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it, onTestFinished } from 'vitest'

import type { LedgerNotice, LedgerStore } from '../../src/stores/ledger-store.ts'
import { createRedisLedgerStore } from '../../src/stores/redis-ledger/store.ts'
import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import type { Opening, Reservation } from '../../src/usage/budget.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { type ServedLedger, serveLedger } from '../../src/workers/ledger-calls.ts'
import { startTestCrew } from '../helpers/crew.ts'
import { createFolder } from '../helpers/folder.ts'
import { makeEntry, makeEstimate, makeReservation, moneyCap, NOON } from '../helpers/ledger.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'
import { startWire } from '../helpers/wire.ts'

/** One request a day, and money that no request of these tests can use up. */
const caps = [moneyCap(1, { unit: 'requests' }), moneyCap(1000)]

/** What the ledger says of a call that was answered here and never made. */
const NEVER_MADE = { ending: 'refused', costMicros: 0, outputTokens: 0, isEstimated: false }

const refusalOf = (reservation: Reservation): LedgerEntry =>
  makeEntry(reservation, 0, {
    ending: 'refused',
    status: 503,
    inputTokens: 0,
    outputTokens: 0,
    cachedTokens: 0,
  })

async function collect(store: Pick<LedgerStore, 'entries'>): Promise<LedgerEntry[]> {
  const entries: LedgerEntry[] = []
  for await (const entry of store.entries({ from: 0, to: Date.now() * 2 })) entries.push(entry)
  return entries
}

function openStore(folder: string, notices: LedgerNotice[] = []): LedgerStore {
  const ledger = createSqliteLedgerStore({
    folder,
    timeZone: 'UTC',
    retentionDays: 36_500,
    onNotice: (notice) => notices.push(notice),
  })
  onTestFinished(() => ledger.close())
  return ledger
}

/** A ledger whose database another process writes, as a reconciliation does: budgets nobody has read are waited for. */
async function startBusy() {
  const folder = createFolder()
  const ledger = openStore(folder)
  const readSpent = (clientId: string) =>
    ledger.spent({ clientId, period: 'day', currency: 'CNY', at: NOON })
  // Behind this the database is there, and has nothing to enter.
  await readSpent('alice')
  const writer = new DatabaseSync(join(folder, 'ledger.db'), { timeout: 5000 })
  onTestFinished(() => writer.close())
  writer.exec('BEGIN IMMEDIATE')
  return {
    folder,
    ledger,
    readSpent,
    /** From now on whatever is asked of the database waits behind an entry that cannot be entered. */
    block: () => ledger.settle(makeEntry(makeReservation({ clientId: 'bob' }), 1)),
    free: () => writer.exec('COMMIT'),
  }
}

/** Opens as the message of a thread has it. */
async function open({ handlers }: ServedLedger, reservation: Reservation): Promise<Opening> {
  const caps = { number: 0, list: reservation.caps }
  return handlers.open({ ...reservation, caps, estimate: reservation.estimate() })
}

const outcomeOf = (opening: Promise<Opening>): Promise<string> =>
  opening.then(
    ({ isGranted }) => (isGranted ? 'granted' : 'refused'),
    () => 'rejected',
  )

describe('a request that is settled while the ledger waits for its database', () => {
  it('holds no budget afterwards, nor while others wait for the same', async () => {
    const { ledger, readSpent, block, free } = await startBusy()
    await block()
    const served = serveLedger(ledger)
    const [over, next] = [makeReservation({ caps }), makeReservation({ caps })]
    const outcome = outcomeOf(open(served, over))
    await served.handlers.settle(refusalOf(over))
    const opening = outcomeOf(open(served, next))
    free()
    expect(await opening).toBe('granted')
    expect(ledger.stats().inFlight).toBe(1)
    await served.handlers.settle(makeEntry(next, 7))
    expect(await readSpent('alice')).toEqual({ costMicros: 7, requests: 1 })
    expect(ledger.stats().inFlight).toBe(0)
    expect(await outcome).toBe('rejected')
  })

  it('is entered once, as it was settled, and not found to run by the next process', async () => {
    const { folder, ledger, readSpent, block, free } = await startBusy()
    await block()
    const over = makeReservation({ caps })
    const outcome = outcomeOf(ledger.open(over))
    await ledger.settle(refusalOf(over))
    free()
    expect(await readSpent('alice')).toEqual({ costMicros: 0, requests: 0 })
    await ledger.close()
    const notices: LedgerNotice[] = []
    const entries = await collect(openStore(folder, notices))
    expect(entries.filter(({ id }) => id === over.id)).toMatchObject([NEVER_MADE])
    expect(notices).toEqual([])
    expect(await outcome).toBe('rejected')
  })

  it('is still the one reservation of all who open it', async () => {
    const { ledger, block, free } = await startBusy()
    await block()
    const twice = makeReservation({ caps })
    const outcomes = [ledger.open(twice), ledger.open(twice)].map(outcomeOf)
    free()
    expect(await Promise.all(outcomes)).toEqual(['granted', 'granted'])
    await ledger.settle(refusalOf(twice))
    expect(await outcomeOf(ledger.open(makeReservation({ caps })))).toBe('granted')
  })
})

describe('a request whose thread dies', () => {
  it('was never made while its budget was waited for', async () => {
    const { ledger, readSpent, block, free } = await startBusy()
    await block()
    const served = serveLedger(ledger)
    const waiting = makeReservation({ caps, estimate: () => makeEstimate(12) })
    const outcome = outcomeOf(open(served, waiting))
    expect(await served.settleLost()).toBe(1)
    free()
    expect(await readSpent('alice')).toEqual({ costMicros: 0, requests: 0 })
    const entries = await collect(ledger)
    expect(entries.filter(({ id }) => id === waiting.id)).toMatchObject([NEVER_MADE])
    expect(ledger.stats().inFlight).toBe(0)
    expect(await outcomeOf(ledger.open(makeReservation({ caps })))).toBe('granted')
    expect(await outcome).toBe('rejected')
  })

  it('was never made when its budget had refused it', async () => {
    const ledger = openStore(createFolder())
    const served = serveLedger(ledger)
    await open(served, makeReservation({ caps, estimate: () => makeEstimate(12) }))
    const refused = makeReservation({ caps, estimate: () => makeEstimate(12) })
    expect(await outcomeOf(open(served, refused))).toBe('refused')
    expect(await served.settleLost()).toBe(2)
    const entries = await collect(ledger)
    expect(entries.filter(({ id }) => id === refused.id)).toMatchObject([NEVER_MADE])
    expect(entries.filter(({ id }) => id !== refused.id)).toMatchObject([
      { ending: 'lost', costMicros: 12, isEstimated: true },
    ])
  })

  it('leaves nothing reserved, in a real thread', async () => {
    const { ledger, block, free } = await startBusy()
    const { crew, trouble } = startTestCrew('dying-while-opening-thread.ts', ledger)
    await crew.started
    await block()
    crew.reload('open and die')
    await expect.poll(() => trouble, { timeout: 10_000 }).toHaveLength(1)
    free()
    // Behind the answer to what it had opened.
    const next = makeReservation({ caps })
    expect(await outcomeOf(ledger.open(next))).toBe('granted')
    expect(ledger.stats().inFlight).toBe(1)
    await ledger.settle(makeEntry(next, 1))
    const entries = await collect(ledger)
    expect(entries.filter(({ id }) => id === 'req_never_made')).toMatchObject([NEVER_MADE])
    await crew.stop('the test is over')
  })
})

describe.skipIf(redisServer === undefined)('a request that is settled while Redis is asked', () => {
  async function start() {
    const { url } = await startRedis()
    const wire = await startWire(Number(new URL(url).port))
    const store = await new Promise<LedgerStore>((resolve) => {
      const made = createRedisLedgerStore({
        url: `redis://127.0.0.1:${wire.port}`,
        timeZone: 'UTC',
        retentionDays: 36_500,
        mode: 'open',
        now: () => NOON,
        onStateChange: (isReady) => isReady && resolve(made),
        onNotice() {},
        onFailure() {},
      })
    })
    onTestFinished(() => store.close())
    return { store, wire }
  }

  const isGranted = async (store: LedgerStore): Promise<boolean> => {
    const probe = makeReservation({ caps })
    const opening = await store.open(probe)
    await store.settle(refusalOf(probe))
    return opening.isGranted
  }

  // A script that Redis does not know is sent again, and what was sent behind it is done before.
  it.each([
    ['', false],
    [', also when it is entered before it is granted', true],
  ])('holds no budget afterwards%s', async (_when, isEnteringKnown) => {
    const { store } = await start()
    if (isEnteringKnown) await store.settle(refusalOf(makeReservation()))
    const over = makeReservation({ caps })
    const outcome = outcomeOf(store.open(over))
    await store.settle(refusalOf(over))
    const ended = await outcome
    expect(store.stats().inFlight).toBe(0)
    await expect.poll(() => isGranted(store), { timeout: 10_000 }).toBe(true)
    expect(ended).toBe('rejected')
    expect(await store.spent({ period: 'day', currency: 'CNY', at: NOON })).toEqual({
      costMicros: 0,
      requests: 0,
    })
  })

  // A thread does not wait for the answer where nothing can be refused.
  it('does not run on when it had no budget', async () => {
    const { store } = await start()
    const over = makeReservation()
    const outcome = outcomeOf(store.open(over))
    await store.settle(makeEntry(over, 5))
    await outcome
    expect(store.stats().inFlight).toBe(0)
    expect(await collect(store)).toMatchObject([{ id: over.id, costMicros: 5 }])
  })

  it('holds nothing of what this process alone may grant, when Redis does not answer', async () => {
    const { store, wire } = await start()
    await isGranted(store)
    wire.dropAnswers()
    const over = makeReservation({ caps })
    const outcome = outcomeOf(store.open(over))
    await store.settle(refusalOf(over))
    await outcome
    wire.cut()
    expect(store.stats().inFlight).toBe(0)
    expect(await isGranted(store)).toBe(true)
  })
})
