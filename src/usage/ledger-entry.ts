import type { Usage } from './usage.ts'

export type Currency = 'CNY' | 'USD'

/** How a request ended: as `ExchangeEnding`, `refused` by the upstream or here, or `lost` with the process. */
export type EntryEnding = 'completed' | 'aborted' | 'cancelled' | 'refused' | 'lost'

/** One request in the ledger. */
export interface LedgerEntry extends Usage {
  /** The request's id: an id that is already there is not entered again. */
  readonly id: string
  /** When it began, in milliseconds since 1970. */
  readonly at: number
  readonly clientId: string
  /** As the client named it; empty when it named none. */
  readonly model: string
  readonly path: string
  readonly status: number
  /** Millionths of the currency; undefined when the model has no price. */
  readonly costMicros: number | undefined
  readonly currency: Currency
  /** Whether what was used is estimated, because the upstream never said. */
  readonly isEstimated: boolean
  readonly firstByteMs: number | undefined
  readonly durationMs: number
  /** Of body that came from the upstream. */
  readonly bytes: number
  readonly ending: EntryEnding
  /** The upstream's own id of the request, by which its call log can be matched. */
  readonly upstreamRequestId: string | undefined
}
