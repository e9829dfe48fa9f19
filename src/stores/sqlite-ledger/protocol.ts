import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import type { Actual, LedgerNotice, UsageQuery, UsageRow } from '../ledger-store.ts'
import type { EntryPageQuery } from './queries.ts'
import type { Position } from './segments.ts'

/** What the worker that owns the database is started with. */
export interface WorkerSetup {
  /** Undefined keeps the ledger in memory; the journal's text is then sent instead of read. */
  readonly folder: string | undefined
  readonly firstSegment: number
  readonly timeZone: string
  readonly retentionDays: number
  readonly maxEntries: number | undefined
}

/** What can be asked of it; it answers when everything sent before has been entered. */
interface WorkerCalls {
  counters(keys: readonly string[]): number[]
  usage(query: UsageQuery): UsageRow[]
  entries(query: EntryPageQuery): LedgerEntry[]
  correct(entry: Pick<LedgerEntry, 'id' | 'at'>, actual: Actual): boolean
  /** Closes the database. */
  close(): null
}

export type CallName = keyof WorkerCalls

export type CallValue<Name extends CallName> = ReturnType<WorkerCalls[Name]>

export type AnyCall = {
  [Name in CallName]: { readonly name: Name; readonly args: Parameters<WorkerCalls[Name]> }
}[CallName]

export type CallOf<Name extends CallName> = Extract<AnyCall, { readonly name: Name }>

/** The answer to a call of the same name. */
export interface Answer<Name extends CallName> {
  readonly name: Name
  readonly value: CallValue<Name>
}

export type AnyAnswer = { [Name in CallName]: Answer<Name> }[CallName]

export type ToWorker =
  /** The journal is written up to here. */
  | { readonly type: 'written'; readonly position: Position }
  | { readonly type: 'text'; readonly text: string; readonly position: Position }
  | { readonly type: 'call'; readonly id: number; readonly call: AnyCall }

export type FromWorker =
  /** The journal is entered up to here. */
  | { readonly type: 'entered'; readonly position: Position }
  /** Entering fails, or no longer does; it goes on trying. */
  | { readonly type: 'state'; readonly error: Error | undefined }
  | { readonly type: 'answer'; readonly id: number; readonly answer: AnyAnswer }
  | { readonly type: 'failure'; readonly id: number; readonly error: Error }
  | { readonly type: 'notice'; readonly notice: LedgerNotice }
  /** Another process has changed the database. */
  | { readonly type: 'changed' }
