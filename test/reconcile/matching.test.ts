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
    isOwnPath: (path) => path.startsWith('/v1'),
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

it('leaves out what nobody bills, and finds the provider’s name for a task', async () => {
  const nothing = { isEstimated: false, inputTokens: 0, cachedTokens: 0, outputTokens: 0 }
  const task = { ...nothing, model: '', images: 1 }
  const { differences } = await run(
    [
      estimated({ ...nothing, model: '', path: '/v1/models' }, 0),
      estimated({ ...nothing, status: 500 }, 0),
      estimated({ ...task, upstreamRequestId: 'up-1' }, 50),
      estimated({ ...nothing, model: 'gpt-4o', upstreamRequestId: 'up-2' }, 0),
    ],
    [
      call({ model: 'midjourney', inputTokens: 0, outputTokens: 0 }),
      call({ requestId: 'up-2', model: 'gpt-4o' }),
    ],
  )
  const of = (model: string) => differences.find((row) => row.model === model)
  expect(differences.map(({ model }) => model)).toEqual(['gpt-4o', 'midjourney'])
  expect(of('midjourney')?.ledger.calls).toBe(1)
  // What was billed all the same is told of.
  expect(of('gpt-4o')).toMatchObject({
    ledger: { calls: 1, inputTokens: 0 },
    provider: { calls: 1 },
  })
})
