import type { BillEntry } from '../../src/demo/bill.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { costOfLine } from './prices.ts'
import type { TrafficPlan } from './traffic.ts'

/** A sum of the estimated entries, by the ledger and by the bill. */
export interface Both {
  readonly ledger: number
  readonly bill: number
}

/** The ledger beside the upstream's own bill. */
export interface BillingResult {
  readonly requests: number
  /** Requests whose clients left in the middle. */
  readonly left: number
  /** Entries that say they are exact, and every number of them that differs from the bill. */
  readonly exact: number
  readonly wrong: readonly string[]
  readonly exactMicros: number
  readonly estimated: number
  /** Estimated entries of requests whose clients stayed. */
  readonly estimatedOfStayed: number
  readonly tokens: Both
  readonly outputTokens: Both
  readonly micros: Both
  /** The same, had the bill no discount for cached input: how much was cached, only a usage tells. */
  readonly fullMicros: Both
  /** Entries without a line in the bill, and the other way round. */
  readonly unmatched: number
}

interface Books {
  readonly entries: readonly LedgerEntry[]
  readonly bill: readonly BillEntry[]
  /** The ids of the requests whose clients left. */
  readonly left: ReadonlySet<string>
}

interface Pair {
  readonly entry: LedgerEntry
  readonly line: BillEntry
}

const COMPARED = [
  'inputTokens',
  'cachedTokens',
  'outputTokens',
  'reasoningTokens',
  'images',
] as const

export function compareBooks({ entries, bill, left }: Books): BillingResult {
  const lines = new Map(bill.map((line) => [line.requestId, line]))
  const pairs = entries.flatMap((entry): Pair[] => {
    const line = lines.get(entry.upstreamRequestId ?? '')
    // A line is nobody's twice.
    lines.delete(entry.upstreamRequestId ?? '')
    return line === undefined ? [] : [{ entry, line }]
  })
  const exact = pairs.filter(({ entry }) => !entry.isEstimated)
  const estimated = pairs.filter(({ entry }) => entry.isEstimated)
  const micros = sum(estimated.map(({ entry }) => entry.costMicros ?? 0))
  const sumBoth = (count: (of: LedgerEntry | BillEntry) => number): Both => ({
    ledger: sum(estimated.map(({ entry }) => count(entry))),
    bill: sum(estimated.map(({ line }) => count(line))),
  })
  return {
    requests: entries.length,
    left: left.size,
    exact: exact.length,
    wrong: exact.flatMap(differencesOf),
    exactMicros: sum(exact.map(({ entry }) => entry.costMicros ?? 0)),
    estimated: estimated.length,
    estimatedOfStayed: estimated.filter(({ entry }) => !left.has(entry.id)).length,
    tokens: sumBoth((of) => of.inputTokens + of.outputTokens),
    outputTokens: sumBoth((of) => of.outputTokens),
    micros: { ledger: micros, bill: sum(estimated.map(({ line }) => costOfLine(line))) },
    fullMicros: {
      ledger: micros,
      bill: sum(estimated.map(({ line }) => costOfLine({ ...line, cachedTokens: 0 }))),
    },
    unmatched: entries.length - pairs.length + lines.size,
  }
}

function differencesOf({ entry, line }: Pair): string[] {
  const numbers: [string, number | undefined, number][] = [
    ...COMPARED.map((name): [string, number, number] => [name, entry[name], line[name]]),
    ['costMicros', entry.costMicros, costOfLine(line)],
  ]
  return numbers
    .filter(([, has, should]) => has !== should)
    .map(([name, has, should]) => `${entry.path} ${entry.id}: ${name} ${has} instead of ${should}`)
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, each) => all + each, 0)

/** The most that the sum of all estimates may be off. */
const MAX_ESTIMATE_ERROR = 0.15

/** How far the ledger is off, as a part of what was billed. */
export const errorOf = ({ ledger, bill }: Both): number => (bill === 0 ? 0 : ledger / bill - 1)

/** What is not as it should be, a line each. */
export function findFaults(result: BillingResult, plan: TrafficPlan): string[] {
  const { requests, left, unmatched, estimatedOfStayed, tokens, fullMicros } = result
  const faults = [...result.wrong]
  if (requests !== plan.requests) faults.push(`${requests} entries for ${plan.requests} requests`)
  if (left !== plan.aborted) faults.push(`${left} clients left, not ${plan.aborted}`)
  if (unmatched > 0) faults.push(`${unmatched} without a line in the other book`)
  if (estimatedOfStayed > 0) faults.push(`${estimatedOfStayed} estimated whose clients stayed`)
  for (const [what, both] of Object.entries({ tokens, micros: fullMicros })) {
    const isOff = Math.abs(errorOf(both)) > MAX_ESTIMATE_ERROR
    if (isOff) faults.push(`estimated ${what}: ${both.ledger} instead of ${both.bill}`)
  }
  return faults
}
