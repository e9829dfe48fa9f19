import { expect, it } from 'vitest'

import { parsePricing } from '../../src/config/pricing-file.ts'
import type { BilledCall } from '../../src/reconcile/call-log.ts'
import { reconcile } from '../../src/reconcile/reconcile.ts'
import { createCalendar } from '../../src/usage/calendar.ts'
import { correctEntry } from '../../src/usage/corrected-entry.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { makeEntry, nextId, NOON } from '../helpers/ledger.ts'

const DAY = createCalendar('UTC').day(NOON)
const TABLE = `currency: CNY
models:
  gpt-4o: { inputPerMillion: 1000, outputPerMillion: 1000 }
  dall-e-3: { inputPerMillion: 1000, perImage: 1, images: [{ quality: hd, perImage: 5 }] }
`
const { pricing, problems } = parsePricing({ name: 'pricing.yaml', text: TABLE })
if (problems.length > 0) throw new Error(problems.join('\n'))

const estimated = (parts: Partial<LedgerEntry>, costMicros: number | undefined = 30): LedgerEntry =>
  makeEntry({ id: nextId() }, costMicros, {
    model: 'gpt-4o',
    isEstimated: true,
    inputTokens: 10,
    cachedTokens: 0,
    outputTokens: 20,
    ...parts,
  })

const call = (parts: Partial<BilledCall>): BilledCall => ({
  requestId: 'up-1',
  at: NOON,
  model: 'gpt-4o',
  inputTokens: 11,
  outputTokens: 22,
  costMicros: 40_000,
  ...parts,
})

/** Runs it over these entries and calls; returns what stands in the ledger then. */
async function run(entries: readonly LedgerEntry[], calls: readonly BilledCall[]) {
  const stored = new Map(entries.map((entry) => [entry.id, entry]))
  const differences = await reconcile({
    ledger: {
      async *entries() {
        yield* stored.values()
      },
      async correct({ id }, actual) {
        const former = stored.get(id)
        if (former?.isEstimated !== true) return false
        stored.set(id, correctEntry(former, actual))
        return true
      },
    },
    calls: (async function* () {
      yield* calls
    })(),
    isOwnPath: (path) => !path.startsWith('/elsewhere'),
    modelOf: (path) => (path.startsWith('/mj') ? 'midjourney' : ''),
    pricing,
    calendar: createCalendar('UTC'),
    from: DAY.startsAt,
    to: DAY.endsAt,
    isDryRun: false,
  })
  return { differences, entries: [...stored.values()] }
}

it('charges the tokens that were billed', async () => {
  const { entries } = await run([estimated({ upstreamRequestId: 'up-1' }, 30_000)], [call({})])
  expect(entries).toMatchObject([
    { inputTokens: 11, outputTokens: 22, costMicros: 33_000, isEstimated: false },
  ])
})

it('keeps the price of an image of its quality', async () => {
  const image = { model: 'dall-e-3', images: 1, inputTokens: 0, outputTokens: 0 }
  const entry = estimated({ ...image, upstreamRequestId: 'up-1' }, 5_000_000)
  const { entries } = await run([entry], [call({ inputTokens: 0, outputTokens: 0 })])
  expect(entries).toMatchObject([{ costMicros: 5_000_000, images: 1, isEstimated: false }])
})

it('keeps the cost of what has no price of its own', async () => {
  const task = { model: '', path: '/v1/other', upstreamRequestId: 'up-1' }
  const { entries } = await run([estimated(task, 700)], [call({})])
  expect(entries).toMatchObject([{ costMicros: 700, isEstimated: false }])
})

it('takes a call without an id for nobody’s, and one of two with the same id for neither’s', async () => {
  const without = estimated({ upstreamRequestId: undefined })
  const twice = estimated({ upstreamRequestId: 'up-2' })
  const calls = [
    call({ requestId: '' }),
    call({ requestId: 'up-2' }),
    call({ requestId: 'up-2', outputTokens: 900 }),
  ]
  const { differences, entries } = await run([without, twice], calls)
  expect(entries).toEqual([without, twice])
  expect(differences).toMatchObject([{ corrected: 0, unmatched: 2 }])
})

it('matches a call that was billed after midnight', async () => {
  const entry = estimated({ upstreamRequestId: 'up-1', at: DAY.endsAt - 1000 })
  const { entries } = await run([entry], [call({ at: DAY.endsAt + 1000 })])
  expect(entries).toMatchObject([{ outputTokens: 22, isEstimated: false }])
})

it('says nothing of calls to another provider', async () => {
  const elsewhere = estimated({ path: '/elsewhere/chat', upstreamRequestId: 'up-1' })
  const { differences, entries } = await run([elsewhere], [])
  expect(differences).toEqual([])
  expect(entries).toEqual([elsewhere])
})

const exact = (parts: Partial<LedgerEntry>, costMicros: number | undefined): LedgerEntry =>
  estimated({ isEstimated: false, ...parts }, costMicros)

const NO_TOKENS = { inputTokens: 0, outputTokens: 0, cachedTokens: 0 }

it('adds up what both sides charge, each in its currency', async () => {
  const entries = [exact({}, 30_000), exact({}, 5000), exact({ currency: 'USD' }, 700)]
  const unpriced = { ...call({}), costMicros: undefined }
  const { differences } = await run(entries, [call({ requestId: 'up-2' }), unpriced])
  expect(differences).toMatchObject([
    {
      ledger: { calls: 3, costMicros: { CNY: 35_000, USD: 700 } },
      provider: { calls: 2, costMicros: { CNY: 40_000 } },
    },
  ])
  expect(differences[0]?.provider.costMicros).toEqual({ CNY: 40_000 })
})

it('has what an estimate really cost among the ledger’s', async () => {
  const { differences } = await run([estimated({ upstreamRequestId: 'up-1' }, 30_000)], [call({})])
  expect(differences).toMatchObject([{ ledger: { calls: 1, costMicros: { CNY: 33_000 } } }])
})

it('leaves out what is on no bill: lists, fetched tasks, errors', async () => {
  const entries = [
    exact({ ...NO_TOKENS, model: '', path: '/v1/models' }, 0),
    exact({ ...NO_TOKENS, model: '', path: '/mj/task/17/fetch' }, 0),
    exact({ ...NO_TOKENS, status: 500 }, 0),
    exact({ ...NO_TOKENS, status: 404, ending: 'completed' }, 0),
    // A moderation is free, and tells no usage.
    estimated({ model: 'omni-moderation-latest', outputTokens: 0 }, 0),
  ]
  const { differences } = await run(entries, [call({ ...NO_TOKENS, costMicros: 0 })])
  expect(differences).toEqual([])
})

it('counts what is billed by something else than tokens', async () => {
  const entries = [
    exact({ ...NO_TOKENS, characters: 40 }, 0),
    exact({ ...NO_TOKENS, audioMs: 900 }, 0),
    exact({ ...NO_TOKENS, images: 1 }, 0),
    exact(NO_TOKENS, undefined),
  ]
  expect((await run(entries, [])).differences).toMatchObject([{ ledger: { calls: 4 } }])
})

it('names a task of Midjourney as the provider does', async () => {
  const task = { ...NO_TOKENS, model: '', path: '/mj/submit/imagine' }
  const billed = call({ ...NO_TOKENS, model: 'midjourney', costMicros: 50_000 })
  const { differences } = await run([exact(task, 50_000)], [billed])
  expect(differences).toHaveLength(1)
  expect(differences[0]?.model).toBe('midjourney')
  expect(differences[0]?.ledger).toEqual(differences[0]?.provider)
})

it('names any other task as the call with its id', async () => {
  const task = { ...NO_TOKENS, model: '', path: '/suno/generate', upstreamRequestId: 'up-1' }
  const billed = call({ ...NO_TOKENS, model: 'suno-v4', costMicros: 50_000 })
  const { differences } = await run([exact(task, 50_000)], [billed])
  expect(differences).toMatchObject([{ model: 'suno-v4', ledger: { calls: 1 } }])
  expect(differences[0]?.ledger).toEqual(differences[0]?.provider)
})
