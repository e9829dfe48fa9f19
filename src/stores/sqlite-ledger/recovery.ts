import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import { parseRecord } from './records.ts'
import { createSegmentReader } from './segment-reader.ts'
import { listSegments } from './segments.ts'

/** The requests that ran when the process before this one died, as their last record has them. */
export function findLost(folder: string): LedgerEntry[] {
  const segments = listSegments(folder)
  const [first] = segments
  const last = segments.at(-1)
  if (first === undefined || last === undefined) return []
  const running = new Map<string, LedgerEntry>()
  const reader = createSegmentReader(folder, first)
  const end = { segment: last, offset: Infinity }
  for (let lines = reader.read(end); lines.length > 0; lines = reader.read(end)) {
    for (const line of lines) {
      const record = parseRecord(line)
      if (record === undefined) continue
      if (record.isSettled) running.delete(record.entry.id)
      else running.set(record.entry.id, record.entry)
    }
  }
  reader.close()
  return [...running.values()]
}
