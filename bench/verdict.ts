import type { ContenderId } from './contenders/contender.ts'
import { FAILED, type FigureTable, middleRatioOf, ratiosOf, spread } from './figures.ts'

/** Keystow's processor time over a rival's: the least of all runs that were recorded since somebody began anew. */
export type RecordedRatios = Partial<Record<Rival, Partial<Record<SmokeMetric, number>>>>

export type SmokeMetric = 'jsonCpuUs' | 'eventCpuUs'

export type Rival = 'nginx' | 'http-proxy'

export const SMOKE_METRICS: readonly SmokeMetric[] = ['jsonCpuUs', 'eventCpuUs']

export const RIVALS = ['nginx', 'http-proxy'] as const satisfies readonly ContenderId[]

/** Half as much again as recorded: more than rounds on a busy machine differ, less than a mistake costs. */
const TOLERATED = 1.5

/**
 * What is wrong, a line each. Keystow is slower when it is so beside every rival that was measured: a rival that
 * has become faster, or was lucky, is not Keystow's regression. Nor is a rival's failed round: the others are compared.
 */
export const judge = (table: FigureTable, recorded: RecordedRatios): string[] =>
  SMOKE_METRICS.flatMap((metric) => complain(table, recorded, metric))

function complain(table: FigureTable, recorded: RecordedRatios, metric: SmokeMetric): string[] {
  const compared = RIVALS.flatMap((rival) => {
    const [now, known] = [
      middleRatioOf(table, metric, ['keystow', rival]),
      recorded[rival]?.[metric],
    ]
    return now === undefined || known === undefined ? [] : [{ rival, now, known }]
  })
  if (compared.length === 0) return [`${metric}: nothing to compare: not measured, or not recorded`]
  if (compared.some(({ now, known }) => now <= known * TOLERATED)) return []
  return compared.map(
    ({ rival, now, known }) =>
      `${metric}: ${now.toFixed(2)} times that of ${rival}; recorded are ${known.toFixed(2)}`,
  )
}

/** What this run would have recorded; of a figure with a failed round nothing. */
export const recordRatios = (table: FigureTable): RecordedRatios =>
  ratiosBy((rival, metric) => {
    const ratio = spread(ratiosOf(table, metric, ['keystow', rival]))
    return ratio === undefined || ratio === FAILED ? undefined : Number(ratio.median.toFixed(2))
  })

interface UpdateOptions {
  /** What was measured counts also where it is more: what Keystow does has changed, or what it is compared with. */
  readonly isAnew: boolean
}

/** The lesser of what is recorded and what was measured, so that a noisy run loosens nothing. */
export const updateRatios = (
  recorded: RecordedRatios,
  measured: RecordedRatios,
  { isAnew }: UpdateOptions,
): RecordedRatios =>
  ratiosBy((rival, metric) => {
    const [known, now] = [recorded[rival]?.[metric], measured[rival]?.[metric]]
    return isAnew ? (now ?? known) : leastOf(known, now)
  })

/** Of every rival and metric; those for which there is none are left out. */
function ratiosBy(read: (rival: Rival, metric: SmokeMetric) => number | undefined): RecordedRatios {
  const ratios: RecordedRatios = {}
  for (const rival of RIVALS) {
    for (const metric of SMOKE_METRICS) {
      const ratio = read(rival, metric)
      if (ratio !== undefined) (ratios[rival] ??= {})[metric] = ratio
    }
  }
  return ratios
}

const leastOf = (a: number | undefined, b: number | undefined): number | undefined =>
  a !== undefined && b !== undefined ? Math.min(a, b) : (a ?? b)
