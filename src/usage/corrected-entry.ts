import type { Estimate } from './budget.ts'
import { toStoredEntry } from './entry-codec.ts'
import type { LedgerEntry } from './ledger-entry.ts'

/** An estimated entry with what really was in it. */
export function correctEntry(estimated: LedgerEntry, actual: Estimate): LedgerEntry {
  return toStoredEntry({
    ...estimated,
    inputTokens: actual.inputTokens,
    cachedTokens: actual.cachedTokens,
    outputTokens: actual.outputTokens,
    reasoningTokens: actual.reasoningTokens,
    images: actual.images,
    characters: actual.characters,
    audioMs: actual.audioMs,
    costMicros: actual.costMicros,
    isEstimated: false,
  })
}
