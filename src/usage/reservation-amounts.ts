import type { Reservation } from './budget.ts'

/** A call that does not stream cannot grow: as far as the budget allows, it gets so many steps at once. */
const STEPS_WITHOUT_STREAM = 16

/** What a request may cost, in millionths of its currency. */
interface CostOutlook {
  /** What is sure to be billed. */
  readonly inputMicros: number
  /** What the longest answer that the request allows would cost; undefined when it names no end. */
  readonly maxOutputMicros: number | undefined
  /** What a stream reserves at a time. */
  readonly stepMicros: number
  readonly isStream: boolean
}

/**
 * What is reserved before a call: its input and one step of its output, never the worst case, which would keep
 * others out for an answer that is nearly always shorter. A stream grows as it goes.
 */
export function reservationAmounts(
  outlook: CostOutlook,
): Pick<Reservation, 'minimumMicros' | 'wantedMicros'> {
  const { inputMicros, maxOutputMicros = Infinity, stepMicros, isStream } = outlook
  const minimumMicros = Math.ceil(inputMicros + Math.min(stepMicros, maxOutputMicros))
  if (isStream) return { minimumMicros, wantedMicros: minimumMicros }
  const most = Math.min(stepMicros * STEPS_WITHOUT_STREAM, maxOutputMicros)
  return { minimumMicros, wantedMicros: Math.ceil(inputMicros + most) }
}
