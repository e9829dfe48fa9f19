import type { Currency, EntryEnding, LedgerEntry } from './ledger-entry.ts'

/** Names and paths come from clients; longer ones are nobody's. */
const MAX_NAME_LENGTH = 100
const MAX_PATH_LENGTH = 200
const MAX_ID_LENGTH = 128

type Cell = string | number | boolean | null

/** The order in which an entry's fields are written: in the journal, in Redis and as columns of the database. */
export const ENTRY_FIELDS = [
  'id',
  'at',
  'clientId',
  'model',
  'path',
  'status',
  'costMicros',
  'currency',
  'isEstimated',
  'firstByteMs',
  'durationMs',
  'bytes',
  'ending',
  'upstreamRequestId',
  'inputTokens',
  'cachedTokens',
  'outputTokens',
  'reasoningTokens',
  'images',
  'characters',
  'audioMs',
] as const satisfies readonly (keyof LedgerEntry)[]

/** An entry's fields in order. Half the size of an object's JSON, and written in a third of the time. */
export function entryToCells(entry: LedgerEntry, ...first: readonly Cell[]): Cell[] {
  return [
    ...first,
    entry.id,
    entry.at,
    entry.clientId,
    entry.model,
    entry.path,
    entry.status,
    entry.costMicros ?? null,
    entry.currency,
    entry.isEstimated,
    entry.firstByteMs ?? null,
    entry.durationMs,
    entry.bytes,
    entry.ending,
    entry.upstreamRequestId ?? null,
    entry.inputTokens,
    entry.cachedTokens,
    entry.outputTokens,
    entry.reasoningTokens,
    entry.images,
    entry.characters,
    entry.audioMs,
  ]
}

/** An entry from fields in order, as this module wrote them or as columns: 1 and 0 stand for true and false there. */
export function entryFromCells(cells: readonly unknown[]): LedgerEntry {
  const text = (index: number): string => String(cells[index])
  const count = (index: number): number => toCount(cells[index])
  const optional = (index: number): number | undefined =>
    typeof cells[index] === 'number' ? cells[index] : undefined
  return {
    id: text(0),
    at: Number(cells[1]),
    clientId: text(2),
    model: text(3),
    path: text(4),
    status: count(5),
    costMicros: optional(6),
    currency: parseCurrency(cells[7]),
    isEstimated: cells[8] === true || cells[8] === 1,
    firstByteMs: optional(9),
    durationMs: count(10),
    bytes: count(11),
    ending: parseEnding(cells[12]),
    upstreamRequestId: typeof cells[13] === 'string' ? cells[13] : undefined,
    inputTokens: count(14),
    cachedTokens: count(15),
    outputTokens: count(16),
    reasoningTokens: count(17),
    images: count(18),
    characters: count(19),
    audioMs: count(20),
  }
}

/**
 * The entry as it may be kept: names cut to length, counts whole and not negative. Whatever an upstream or a bug
 * made up, a sum stays a sum. When it began is better known to whom it was opened with.
 */
export function toStoredEntry(entry: LedgerEntry, at = entry.at): LedgerEntry {
  return {
    id: entry.id.slice(0, MAX_ID_LENGTH),
    at: toCount(at),
    clientId: entry.clientId.slice(0, MAX_ID_LENGTH),
    // A half of a pair is no text to SQLite, nor to a script in Redis, which ends at it.
    model: entry.model.slice(0, MAX_NAME_LENGTH).toWellFormed(),
    path: entry.path.slice(0, MAX_PATH_LENGTH),
    status: toCount(entry.status),
    costMicros: entry.costMicros === undefined ? undefined : toCount(entry.costMicros),
    currency: entry.currency,
    isEstimated: entry.isEstimated,
    firstByteMs: entry.firstByteMs === undefined ? undefined : toCount(entry.firstByteMs),
    durationMs: toCount(entry.durationMs),
    bytes: toCount(entry.bytes),
    ending: entry.ending,
    upstreamRequestId: entry.upstreamRequestId?.slice(0, MAX_ID_LENGTH),
    inputTokens: toCount(entry.inputTokens),
    cachedTokens: toCount(entry.cachedTokens),
    outputTokens: toCount(entry.outputTokens),
    reasoningTokens: toCount(entry.reasoningTokens),
    images: toCount(entry.images),
    characters: toCount(entry.characters),
    audioMs: toCount(entry.audioMs),
  }
}

function toCount(value: unknown): number {
  if (typeof value !== 'number' || !(value > 0)) return 0
  return Math.min(Math.round(value), Number.MAX_SAFE_INTEGER)
}

const parseCurrency = (value: unknown): Currency => (value === 'USD' ? 'USD' : 'CNY')

const ENDINGS: readonly unknown[] = [
  'completed',
  'aborted',
  'cancelled',
  'refused',
  'lost',
] satisfies readonly EntryEnding[]

const isEnding = (value: unknown): value is EntryEnding => ENDINGS.includes(value)

const parseEnding = (value: unknown): EntryEnding => (isEnding(value) ? value : 'lost')
