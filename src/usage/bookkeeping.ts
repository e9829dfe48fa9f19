import type { LedgerStore } from '../stores/ledger-store.ts'
import type { Reservation } from './budget.ts'
import type { DemandMeter } from './demand.ts'
import type { EntryEnding, LedgerEntry } from './ledger-entry.ts'
import type { Meter } from './meter.ts'
import { costOf } from './price.ts'
import type { Pricing } from './pricing.ts'
import { NO_USAGE } from './usage.ts'

/** How a request ended, as far as its record tells. */
type Ending = Pick<
  LedgerEntry,
  'status' | 'firstByteMs' | 'durationMs' | 'bytes' | 'upstreamRequestId'
> & { readonly ending: EntryEnding }

/** The one entry of a request in the ledger. */
export interface Bookkeeping {
  /** Before the call: from now on a process that dies leaves an entry. */
  open(): Promise<void>
  /** The call goes out. */
  sent(): void
  /** After it, however it ended. */
  settle(ending: Ending): Promise<void>
}

interface BookkeepingOptions {
  readonly ledger: Pick<LedgerStore, 'open' | 'settle'>
  readonly pricing: Pricing
  readonly meter: Meter
  readonly demand: DemandMeter
  readonly request: Pick<Reservation, 'id' | 'clientId' | 'path'> & {
    /** `performance.now()` when it began. */
    readonly startedAt: number
    readonly model: string | undefined
    readonly family: string
  }
}

const NO_CAPS: Reservation['caps'] = Object.freeze([])

export function createBookkeeping(options: BookkeepingOptions): Bookkeeping {
  const { ledger, pricing, meter, demand } = options
  const { id, clientId, path, startedAt, model, family } = options.request
  const at = Math.round(performance.timeOrigin + startedAt)
  const { currency } = pricing
  let isSent = false

  const nameModel = (): string => model ?? demand.read().formModel ?? ''

  function read(isWhole: boolean) {
    if (!isSent) return { ...NO_USAGE, costMicros: 0, isEstimated: false }
    const reading = meter.read(isWhole)
    const price = pricing.find(nameModel() || family, reading)
    const cost = price && costOf(reading.usage, price)
    const costMicros = reading.isBilled ? cost : 0
    return { ...reading.usage, costMicros, isEstimated: reading.isEstimated }
  }

  return {
    async open() {
      await ledger.open({
        id,
        at,
        clientId,
        path,
        currency,
        model: nameModel(),
        caps: NO_CAPS,
        minimumMicros: 0,
        wantedMicros: 0,
        estimate: () => read(false),
      })
    },
    sent() {
      isSent = true
    },
    settle({ ending, ...facts }) {
      const used = read(ending === 'completed')
      const named = { id, at, clientId, path, currency, model: nameModel() }
      return ledger.settle({ ...facts, ...named, ...used, ending: isSent ? ending : 'refused' })
    },
  }
}
