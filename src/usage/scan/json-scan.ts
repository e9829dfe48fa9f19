import { MAX_NAME_BYTES } from './json-names.ts'
import { WANT } from './json-reader.ts'
import { endValue, keepValue, startValue } from './kept-value.ts'
import { MAX_DEPTH, NO_BYTES, type ScanState } from './scan-state.ts'
import { beginSkip, skipString } from './string-skip.ts'
import { beginJsonText, readText } from './text-tally.ts'

/** Strings that are longer are skipped by a call out of JavaScript. */
const SHORT_STRING_BYTES = 160

const QUOTE = 0x22
const BACKSLASH = 0x5c

const SPACE = 0
const SCALAR = 1
const STRING = 2
const OPEN_OBJECT = 3
const OPEN_ARRAY = 4
const CLOSE = 5
const COLON = 6
const COMMA = 7

const BYTE_CLASS = new Uint8Array(256).fill(SCALAR)
for (const byte of Buffer.from(' \t\r\n')) BYTE_CLASS[byte] = SPACE
for (const byte of Buffer.from('}]')) BYTE_CLASS[byte] = CLOSE
BYTE_CLASS[QUOTE] = STRING
BYTE_CLASS[0x7b] = OPEN_OBJECT
BYTE_CLASS[0x5b] = OPEN_ARRAY
BYTE_CLASS[0x3a] = COLON
BYTE_CLASS[0x2c] = COMMA

/** Where the next byte stands; a scan begins outside of strings. */
const OUTSIDE = 0
const IN_NAME = 1
const IN_TEXT = 2
const IN_OTHER = 3

/** Of a level, beside what is wanted of its elements. */
const IS_LIST = 8

/** Reads the next bytes of JSON, in any pieces, in bounded memory. It judges nothing: what is no JSON is read as something. */
export function writeJson(scan: ScanState, chunk: Buffer, from: number, to: number): void {
  scan.keptFrom = from
  let at = from
  while (at < to) {
    at = scan.place === OUTSIDE ? readOutside(scan, chunk, at, to) : goOn(scan, chunk, at, to)
  }
  if (scan.kept !== undefined) keepValue(scan, chunk.subarray(scan.keptFrom, to))
}

/** Begins anew, whatever has not ended. */
export function resetJson(scan: ScanState): void {
  scan.place = OUTSIDE
  scan.depth = 0
  scan.isInScalar = false
  scan.kept = undefined
  passOver(scan)
}

function readOutside(scan: ScanState, chunk: Buffer, from: number, to: number): number {
  for (let at = from; at < to; at++) {
    switch (BYTE_CLASS[chunk[at] ?? 0]) {
      case SPACE:
        endScalar(scan, chunk, at)
        break
      case SCALAR:
        if (!scan.isInScalar) startScalar(scan, at)
        while (at + 1 < to && BYTE_CLASS[chunk[at + 1] ?? 0] === SCALAR) at++
        break
      case STRING:
        if (isTextNext(scan)) {
          scan.texts++
          beginJsonText(scan.text)
          scan.place = IN_TEXT
          return at + 1
        }
        at = readString(scan, chunk, at, to) - 1
        break
      case OPEN_OBJECT:
        open(scan, false, at)
        break
      case OPEN_ARRAY:
        open(scan, true, at)
        break
      case CLOSE:
        close(scan, chunk, at)
        break
      case COLON:
        scan.isNameNext = false
        break
      default:
        separate(scan, chunk, at)
    }
  }
  return to
}

function isList({ levels, depth }: ScanState): boolean {
  return ((levels[depth] ?? 0) & IS_LIST) !== 0
}

/** What is wanted of the elements that stand here. */
function wantedOfElements({ levels, depth }: ScanState): number {
  return (levels[depth] ?? 0) & ~IS_LIST
}

function isTextNext(scan: ScanState): boolean {
  if (scan.kept !== undefined) return false
  const { want } = scan
  return want === WANT.TEXT || want === WANT.ALL_TEXT || wantedOfElements(scan) === WANT.ALL_TEXT
}

function startScalar(scan: ScanState, at: number): void {
  scan.isInScalar = true
  if (scan.want === WANT.TEXT && isList(scan)) scan.text.tokenCount++
  if (scan.want === WANT.VALUE && scan.kept === undefined) startValue(scan, at)
}

function endScalar(scan: ScanState, chunk: Buffer, at: number): void {
  if (!scan.isInScalar) return
  scan.isInScalar = false
  endValue(scan, chunk, at)
}

function open(scan: ScanState, opensList: boolean, at: number): void {
  const { want } = scan
  const isWanted = want === WANT.VALUE || (want === WANT.OBJECT && !opensList)
  if (isWanted && scan.kept === undefined) startValue(scan, at)
  const inherited = wantedOfElements(scan)
  if (!opensList && inherited === WANT.ELEMENTS) {
    scan.hasTold = true
    scan.reader.onElement(scan.reader)
  }
  scan.depth++
  if (scan.depth > MAX_DEPTH) return passOver(scan)
  const isAllText = want === WANT.ALL_TEXT || inherited === WANT.ALL_TEXT
  const passedOn = isAllText ? WANT.ALL_TEXT : opensList && want === WANT.TEXT ? want : WANT.NOTHING
  const isCounted = opensList && want === WANT.ELEMENTS
  const ofElements = isCounted && !isAllText ? WANT.ELEMENTS : passedOn
  scan.levels[scan.depth] = opensList ? ofElements | IS_LIST : ofElements
  scan.parents[scan.depth] = scan.name
  if (scan.kept === undefined) scan.name = ''
  scan.want = passedOn
  scan.isNameNext = !opensList
}

function close(scan: ScanState, chunk: Buffer, at: number): void {
  endScalar(scan, chunk, at)
  if (scan.depth === 0) return
  scan.depth--
  endValue(scan, chunk, at + 1)
  passOver(scan)
  if (scan.depth > 0) return
  scan.ends++
  scan.reader.onEnd(scan.reader)
}

function passOver(scan: ScanState): void {
  scan.isNameNext = false
  scan.want = WANT.NOTHING
}

function separate(scan: ScanState, chunk: Buffer, at: number): void {
  endScalar(scan, chunk, at)
  if (scan.depth > MAX_DEPTH) return
  const inherited = wantedOfElements(scan)
  scan.isNameNext = !isList(scan)
  scan.want = scan.isNameNext || inherited === WANT.ELEMENTS ? WANT.NOTHING : inherited
}

/** Reads a string from its opening quote; returns the index behind it, or behind what of it is here. */
function readString(scan: ScanState, chunk: Buffer, at: number, to: number): number {
  if (scan.want === WANT.VALUE && scan.kept === undefined) startValue(scan, at)
  const isName = scan.isNameNext && scan.kept === undefined
  const end = findPlainEnd(chunk, at + 1, to)
  if (end === -1) {
    beginSkip(scan)
    scan.cutName = NO_BYTES
    scan.place = isName ? IN_NAME : IN_OTHER
    return goOn(scan, chunk, at + 1, to)
  }
  if (isName) endName(scan, scan.names.find(chunk, at + 1, end, false))
  else endValue(scan, chunk, end + 1)
  return end + 1
}

/** Reads on in a string that has begun. */
function goOn(scan: ScanState, chunk: Buffer, from: number, to: number): number {
  if (scan.place === IN_TEXT) return goOnInText(scan, chunk, from, to)
  const end = skipString(scan, chunk, from, to)
  if (scan.place === IN_NAME) keepName(scan, chunk.subarray(from, end === -1 ? to : end - 1))
  if (end === -1) return to
  const { cutName } = scan
  if (scan.place === IN_OTHER) endValue(scan, chunk, end)
  else endName(scan, scan.names.find(cutName, 0, cutName.length, scan.hasEscapes))
  scan.place = OUTSIDE
  return end
}

function goOnInText(scan: ScanState, chunk: Buffer, from: number, to: number): number {
  const end = readText(scan.text, chunk, from, to)
  scan.textFrom = from
  scan.textEnd = end
  if (end === -1) return to
  scan.place = OUTSIDE
  return end
}

function keepName(scan: ScanState, bytes: Buffer): void {
  const { cutName } = scan
  if (cutName.length <= MAX_NAME_BYTES) scan.cutName = Buffer.concat([cutName, bytes])
}

function endName(scan: ScanState, found: string): void {
  const { depth, reader } = scan
  scan.name = found
  if (depth === 0) scan.want = WANT.NOTHING
  else if (found === '') scan.want = scan.others
  else scan.want = reader.onName(found, depth, scan.parents[depth] ?? '', reader)
}

/** The closing quote of a string that is whole and has no escapes, as nearly every one is; -1 for any other. */
function findPlainEnd(chunk: Buffer, from: number, to: number): number {
  const near = Math.min(to, from + SHORT_STRING_BYTES)
  for (let at = from; at < near; at++) {
    const byte = chunk[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) return -1
  }
  return -1
}
