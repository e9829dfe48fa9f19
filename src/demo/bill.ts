import type { Charge } from './answer.ts'

/** One answered request, as the provider would bill it. */
export interface BillEntry {
  requestId: string
  path: string
  model: string
  streamed: boolean
  inputTokens: number
  cachedTokens: number
  /** For a stream: of the events written so far. */
  outputTokens: number
  reasoningTokens: number
  images: number
  characters: number
  audioSeconds: number
  /** Aborted: the answer was not completed, by either side. */
  outcome: 'open' | 'finished' | 'aborted'
  createdAtMs: number
}

export interface Bill {
  open(details: { requestId: string; path: string; streamed: boolean }, charge: Charge): BillEntry
  /** Copies, oldest first. */
  list(): BillEntry[]
}

const MAX_ENTRIES = 20_000

/** Keeps the newest twenty thousand entries. An entry is live: its stream adds to it while it runs. */
export function createBill(): Bill {
  const entries: BillEntry[] = []
  return {
    open(details, charge) {
      const entry: BillEntry = {
        ...details,
        model: charge.model,
        inputTokens: charge.inputTokens,
        cachedTokens: charge.cachedTokens ?? 0,
        outputTokens: charge.outputTokens ?? 0,
        reasoningTokens: charge.reasoningTokens ?? 0,
        images: charge.images ?? 0,
        characters: charge.characters ?? 0,
        audioSeconds: charge.audioSeconds ?? 0,
        outcome: 'open',
        createdAtMs: Date.now(),
      }
      entries.push(entry)
      if (entries.length > MAX_ENTRIES) entries.shift()
      return entry
    },
    list: () => entries.map((entry) => ({ ...entry })),
  }
}
