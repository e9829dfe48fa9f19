import { createCalendar } from '../../usage/calendar.ts'
import type { LedgerStore } from '../ledger-store.ts'
import { openExisting } from './database.ts'
import { createEntryWriter } from './enter.ts'
import { createQueries, readPages } from './queries.ts'

interface AttachOptions {
  readonly folder: string
  /** The same as the owner's. */
  readonly timeZone: string
}

/**
 * Reads and corrects a folder's ledger from beside the process that owns it, which notices within a second and
 * counts its budgets anew. Throws when there is no ledger.
 */
export function attachSqliteLedger({
  folder,
  timeZone,
}: AttachOptions): Pick<LedgerStore, 'entries' | 'correct' | 'close'> {
  const database = openExisting(folder)
  const writer = createEntryWriter(database, createCalendar(timeZone))
  const queries = createQueries(database)
  return {
    entries: (query) => readPages(query, (page) => queries.entries(page)),
    correct: async (entry, actual) => writer.correct(entry, actual),
    async close() {
      database.close()
    },
  }
}
