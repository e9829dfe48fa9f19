import { ARRAY, MALFORMED, NOT_AN_OBJECT, refuseStart, TRUNCATED } from './body-refusals.ts'
import { findAmbiguity } from './find-ambiguity.ts'
import { findQuote } from './find-quote.ts'
import { beginCapture, keepPiece, takeText, type TextCapture } from './text-capture.ts'
import { parseScalar, parseString } from './written-value.ts'

/** A member of a JSON object. */
export interface Member {
  /** Undefined for objects, arrays, and what is longer than any value that policy reads. */
  readonly value: unknown
  /** Where its value stands: offsets from the beginning of the body, the second behind its last byte. */
  readonly start: number
  readonly end: number
}

/** Reads the top level of one JSON object while its bytes pass. */
export interface MemberScanner {
  /** Takes the next bytes; returns why the object must be refused, or undefined. */
  readonly write: (chunk: Buffer) => string | undefined
  /** Ends the object; returns why it must be refused, or undefined. */
  readonly end: () => string | undefined
  /** Where its first member would stand: the offset behind its `{`. */
  readonly openedAt: () => number
  /** The members whose names are known and whose values have passed, by name. */
  readonly found: ReadonlyMap<string, Member>
}

const MAX_DEPTH = 256
const NO_BYTES = Buffer.alloc(0)

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const COLON = 0x3a
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const OPEN_ARRAY = 0x5b
const CLOSE_ARRAY = 0x5d

/** Bytes outside strings: 1 is white space, 2 may stand in a number or in true, false and null. */
const BYTE_CLASS = new Uint8Array(256)
for (const byte of Buffer.from(' \t\r\n')) BYTE_CLASS[byte] = 1
for (const byte of Buffer.from('0123456789+-.eEtrufalsn')) BYTE_CLASS[byte] = 2

const TOO_DEEP = `The request body is nested more than ${MAX_DEPTH} levels deep. Send a flatter one.`

type Expected = 'start' | 'key' | 'colon' | 'value' | 'scalar' | 'comma' | 'nothing'

interface ScanState extends TextCapture {
  readonly names: ReadonlySet<string>
  readonly found: Map<string, Member>
  /** What is to end what is open, by depth; as many as most bodies have, before it grows. */
  readonly closers: number[]
  depth: number
  expected: Expected
  isInString: boolean
  isEscaped: boolean
  /** The name whose value comes, if it is one of `names`. */
  key: string | undefined
  /** That is being read, and where it begins in the body. */
  chunk: Buffer
  chunkAt: number
  valueAt: number
  openedAt: number
  isEmpty: boolean
  refusal: string | undefined
}

/**
 * A scanner, not a parser: it checks the bytes outside strings, the nesting and the grammar of the
 * top level, because two parsers that disagree about where a string ends disagree about the model.
 * It keeps the members of these names, which no object may name in more than one way.
 */
export function createMemberScanner(names: ReadonlySet<string>): MemberScanner {
  const scan: ScanState = {
    isCaptured: false,
    pieces: undefined,
    capturedBytes: 0,
    names,
    found: new Map(),
    closers: [0, 0, 0, 0, 0, 0, 0, 0],
    depth: 0,
    expected: 'start',
    isInString: false,
    isEscaped: false,
    key: undefined,
    chunk: NO_BYTES,
    chunkAt: 0,
    valueAt: 0,
    openedAt: 0,
    isEmpty: true,
    refusal: undefined,
  }
  return {
    write: (chunk) => write(scan, chunk),
    end: () => end(scan),
    openedAt: () => scan.openedAt,
    found: scan.found,
  }
}

function write(scan: ScanState, chunk: Buffer): string | undefined {
  scan.chunk = chunk
  let at = 0
  while (at < chunk.length && scan.refusal === undefined) {
    if (scan.isInString) at = skipString(scan, at)
    else step(scan, at++)
  }
  if (scan.expected === 'scalar') keepPiece(scan, chunk, scalarAt(scan), chunk.length)
  scan.chunkAt += chunk.length
  scan.chunk = NO_BYTES
  return scan.refusal
}

function end({ refusal, expected }: ScanState): string | undefined {
  if (refusal !== undefined) return refusal
  if (expected === 'start') return NOT_AN_OBJECT
  return expected === 'nothing' ? undefined : TRUNCATED
}

function step(scan: ScanState, at: number): void {
  const { expected } = scan
  const byte = scan.chunk[at] ?? 0
  if (expected === 'nothing' && BYTE_CLASS[byte] !== 1) scan.refusal = MALFORMED
  else if (byte === QUOTE) startString(scan, at)
  else if (byte === COMMA || byte === COLON) separate(scan, byte, at)
  else if (byte === OPEN_OBJECT) open(scan, CLOSE_OBJECT, at)
  else if (byte === OPEN_ARRAY) open(scan, CLOSE_ARRAY, at)
  else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) close(scan, byte, at)
  else if (BYTE_CLASS[byte] === 1) endScalar(scan, at)
  else if (BYTE_CLASS[byte] === 2) scalarByte(scan, at)
  else scan.refusal = expected === 'start' ? refuseStart(byte) : MALFORMED
}

/** From inside a string to behind its closing quote, or to the end of the chunk. */
function skipString(scan: ScanState, from: number): number {
  const { chunk } = scan
  let at = from
  while (at < chunk.length) {
    const quote = findQuote(chunk, at)
    const end = quote === -1 ? chunk.length : quote
    let backslashes = 0
    while (end - 1 - backslashes >= at && chunk[end - 1 - backslashes] === BACKSLASH) backslashes++
    const reachesStart = backslashes === end - at
    const isOdd = (backslashes + (reachesStart && scan.isEscaped ? 1 : 0)) % 2 === 1
    scan.isEscaped = quote === -1 ? isOdd : false
    if (quote === -1) break
    at = quote + 1
    if (!isOdd) {
      endString(scan, takeText(scan, chunk, from, quote), at)
      return at
    }
  }
  keepPiece(scan, chunk, from, chunk.length)
  return chunk.length
}

function startString(scan: ScanState, at: number): void {
  const { expected } = scan
  scan.isInString = true
  if (scan.depth > 1) return beginCapture(scan, false)
  scan.valueAt = scan.chunkAt + at
  if (expected !== 'key' && expected !== 'value') {
    scan.refusal = expected === 'start' ? NOT_AN_OBJECT : MALFORMED
  }
  beginCapture(scan, expected === 'key' || scan.key !== undefined)
}

function endString(scan: ScanState, text: string | undefined, end: number): void {
  scan.isInString = false
  if (scan.depth !== 1) return
  const value = text === undefined ? undefined : parseString(text)
  if (text !== undefined && value === undefined) scan.refusal = MALFORMED
  if (scan.expected !== 'key') return endValue(scan, value, end)
  const name = typeof value === 'string' ? value : undefined
  scan.isEmpty = false
  scan.key = name !== undefined && scan.names.has(name) ? name : undefined
  scan.expected = 'colon'
  if (name !== undefined) scan.refusal = findAmbiguity(name, scan.names, scan.found)
}

function endValue(scan: ScanState, value: unknown, end: number): void {
  const { key } = scan
  if (key !== undefined) {
    scan.found.set(key, { value, start: scan.valueAt, end: scan.chunkAt + end })
  }
  scan.key = undefined
  scan.expected = 'comma'
}

function open(scan: ScanState, closer: number, at: number): void {
  const { expected, closers, depth } = scan
  if (expected === 'start' && closer !== CLOSE_OBJECT) scan.refusal = ARRAY
  else if (depth === 1 && expected !== 'value') scan.refusal = MALFORMED
  else if (depth === MAX_DEPTH) scan.refusal = TOO_DEEP
  if (expected === 'start') {
    scan.expected = 'key'
    scan.openedAt = scan.chunkAt + at + 1
  } else if (depth === 1) {
    scan.valueAt = scan.chunkAt + at
  }
  closers[depth] = closer
  scan.depth = depth + 1
}

function close(scan: ScanState, closer: number, at: number): void {
  endScalar(scan, at)
  if (scan.depth === 1 && scan.expected !== 'comma' && !scan.isEmpty) scan.refusal = MALFORMED
  const depth = Math.max(scan.depth - 1, 0)
  if (scan.depth === 0 || scan.closers[depth] !== closer) scan.refusal = MALFORMED
  scan.depth = depth
  if (depth === 1) endValue(scan, undefined, at + 1)
  else if (depth === 0) scan.expected = 'nothing'
}

/** A byte of a number or literal; those below the top level are left to the upstream. */
function scalarByte(scan: ScanState, at: number): void {
  const { expected } = scan
  if (scan.depth > 1) return
  if (expected === 'value') {
    beginCapture(scan, scan.key !== undefined)
    scan.valueAt = scan.chunkAt + at
    scan.expected = 'scalar'
  } else if (expected !== 'scalar') {
    scan.refusal = expected === 'start' ? NOT_AN_OBJECT : MALFORMED
  }
}

/** Where in the chunk the scalar begins, or goes on. */
const scalarAt = ({ valueAt, chunkAt }: ScanState): number => Math.max(valueAt - chunkAt, 0)

function endScalar(scan: ScanState, end: number): void {
  if (scan.expected !== 'scalar') return
  const text = takeText(scan, scan.chunk, scalarAt(scan), end)
  const value = text === undefined ? undefined : parseScalar(text)
  if (text !== undefined && value === undefined) scan.refusal = MALFORMED
  endValue(scan, value, end)
}

function separate(scan: ScanState, byte: number, at: number): void {
  endScalar(scan, at)
  if (scan.depth !== 1) return
  if (byte === COMMA && scan.expected === 'comma') scan.expected = 'key'
  else if (byte === COLON && scan.expected === 'colon') scan.expected = 'value'
  else scan.refusal = MALFORMED
}
