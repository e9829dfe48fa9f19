import { entryFromCells, entryToCells } from '../../usage/entry-codec.ts'
import type { LedgerEntry } from '../../usage/ledger-entry.ts'

const RUNNING = 'r'
const SETTLED = 's'

/** A line of the journal: a request that runs, as its entry would be were it lost now; or one that was settled. */
export interface JournalRecord {
  readonly isSettled: boolean
  readonly entry: LedgerEntry
}

export const formatRunning = (lost: LedgerEntry): string => formatRecord(RUNNING, lost)

export const formatSettled = (entry: LedgerEntry): string => formatRecord(SETTLED, entry)

/** Undefined for a line that was torn when the process was killed or the disk was full. */
export function parseRecord(line: string): JournalRecord | undefined {
  try {
    const cells: unknown = JSON.parse(line)
    if (!Array.isArray(cells)) return undefined
    const [tag, ...fields] = cells
    if (tag !== RUNNING && tag !== SETTLED) return undefined
    return { isSettled: tag === SETTLED, entry: entryFromCells(fields) }
  } catch {
    return undefined
  }
}

/** How lines of settled requests begin; half of a journal's are others. */
const SETTLED_START = `["${SETTLED}",`

/** Undefined for any other line, which is not parsed for that. */
export function parseSettled(line: string): LedgerEntry | undefined {
  return line.startsWith(SETTLED_START) ? parseRecord(line)?.entry : undefined
}

function formatRecord(tag: string, entry: LedgerEntry): string {
  const cells = JSON.stringify(entryToCells(entry, tag))
  return `${cells}\n`
}
