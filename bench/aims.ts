import type { ContenderId } from './contenders/contender.ts'
import {
  compareRounds,
  FAILED,
  type Figure,
  type FigureTable,
  ratiosOf,
  type Round,
} from './figures.ts'
import type { Metric } from './metrics.ts'

/** A figure that Keystow is to reach with everything on. */
export interface Aim {
  readonly what: string
  /** What it is to be at most; `isLeast`: at least. */
  readonly limit: number
  readonly isLeast?: boolean
  readonly unit: string
  readonly digits: number
  /** Of a contender, each round; none where it was not measured. */
  measure(table: FigureTable, id: ContenderId): readonly Round[]
}

/** Beside whom it is to be better in every column of the README's table. */
export const BETTER_THAN: ContenderId = 'caddy'

type Measure = Aim['measure']

const times =
  (rival: ContenderId, metric: Metric): Measure =>
  (table, id) =>
    ratiosOf(table, metric, [id, rival])

const value =
  (metric: Metric): Measure =>
  (table, id) =>
    table[id]?.[metric] ?? []

/** What it adds to the same without a proxy, in the same round. */
const added =
  (metric: Metric): Measure =>
  (table, id) =>
    compareRounds(table, metric, [id, 'direct'], (own, direct) => own - direct)

type Kind = 'stalled' | 'flood' | 'silent'

/** By how much the most memory of the second half is over that of the first; less than nothing is no growth either. */
const growth =
  (kind: Kind): Measure =>
  (table, id) => {
    const { [`${kind}EarlyMb` as const]: early = [], [`${kind}LateMb` as const]: late = [] } =
      table[id] ?? {}
    return late.map((mb, round) => subtract(mb, early[round] ?? null))
  }

const subtract = (a: Round, b: Round): Round => (a === null || b === null ? null : a - b)

const nginxTimes = (what: string, limit: number, metric: Metric): Aim => ({
  what,
  limit,
  unit: '× nginx',
  digits: 2,
  measure: times('nginx', metric),
})

const bounded = (what: string, kind: Kind): Aim => ({
  what: `memory with ${what}, second half of 15 s over the first`,
  limit: 10,
  unit: 'MB',
  digits: 1,
  measure: growth(kind),
})

const ms = (what: string, limit: number, measure: Measure): Aim => ({
  what,
  limit,
  unit: 'ms',
  digits: 2,
  measure,
})

/** All that is a number. */
export const AIMS: readonly Aim[] = [
  nginxTimes('processor time of a JSON request', 3.2, 'jsonCpuUs'),
  nginxTimes('the same with TLS to the upstream', 2.5, 'jsonTlsCpuUs'),
  nginxTimes('processor time of an SSE event', 1.8, 'eventCpuUs'),
  nginxTimes('the same with TLS to the upstream', 1.7, 'eventTlsCpuUs'),
  {
    what: 'memory of a stream, 4,000 open',
    limit: 35,
    unit: 'kB',
    digits: 1,
    measure: value('heldKb4000'),
  },
  {
    what: 'streams held by one process, none lost',
    limit: 8000,
    isLeast: true,
    unit: '',
    digits: 0,
    // A round in which one is lost has failed.
    measure: (table, id) => (table[id]?.heldKb8000 ?? []).map((kb) => (kb === null ? null : 8000)),
  },
  {
    what: 'heap kept after 8,000 streams',
    limit: 20,
    unit: 'MB',
    digits: 1,
    measure: value('heapBackMb'),
  },
  ms('added to an event of 200 streams, p50', 0.15, added('addedP50Ms')),
  ms('added to an event of 200 streams, p99', 1.5, added('addedP99Ms')),
  ms('added to the first event of 200 streams, p50', 0.5, added('firstP50Ms')),
  ms('event of 500 streams × 50 a second, p99', 10, value('busyP99Ms')),
  ms('client leaves → upstream, p99', 5, value('leaveP99Ms')),
  ms('event beside bodies of 20 MB, longest', 20, value('bodyMaxMs')),
  { what: 'start → first answer', limit: 350, unit: 'ms', digits: 0, measure: value('startMs') },
  {
    what: 'two workers carry',
    limit: 1.8,
    isLeast: true,
    unit: '× one',
    digits: 2,
    measure: value('twoWorkersTimes'),
  },
  {
    what: 'the same of JSON requests',
    limit: 1.8,
    isLeast: true,
    unit: '× one',
    digits: 2,
    measure: value('twoWorkersJsonTimes'),
  },
  ms('others’ event beside 100 stopped readers, p99', 20, value('stalledP99Ms')),
  ms('others’ event beside 4 floods, p99', 20, value('floodP99Ms')),
  ms('others’ event beside 10,000 silent connections, p99', 20, value('silentP99Ms')),
  bounded('100 stopped readers', 'stalled'),
  bounded('4 floods', 'flood'),
  bounded('10,000 silent connections', 'silent'),
]

export type Verdict = 'yes' | 'in the median only' | 'no' | 'not measured'

/** Reached is what every round has reached; a failed one has not. */
export function judgeAim({ limit, isLeast = false }: Aim, measured: Figure | undefined): Verdict {
  if (measured === undefined) return 'not measured'
  if (measured === FAILED) return 'no'
  const { min, median, max } = measured
  const isReachedBy = (value: number): boolean => (isLeast ? value >= limit : value <= limit)
  if (isReachedBy(isLeast ? min : max)) return 'yes'
  return isReachedBy(median) ? 'in the median only' : 'no'
}
