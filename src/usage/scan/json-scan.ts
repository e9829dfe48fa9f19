import { MAX_NAME_BYTES } from './json-names.ts'
import { type JsonReader, WANT } from './json-reader.ts'
import { createStringSkip } from './string-skip.ts'

/** Reads JSON in any pieces, in bounded memory. It judges nothing: what is no JSON is read as something. */
export interface JsonScan {
  write(chunk: Buffer, from: number, to: number): void
  /** Begins anew, whatever has not ended. */
  reset(): void
}

/** Below this depth nothing is told. Arrays of up to 64 bytes are in V8's own heap, and made in a fifth of the time. */
const MAX_DEPTH = 63
/** Longer values are not told. */
const MAX_VALUE_BYTES = 8 * 1024

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

const NO_BYTES = Buffer.alloc(0)

const OUTSIDE = 0
const IN_NAME = 1
const IN_TEXT = 2
const IN_OTHER = 3

export function createJsonScan(reader: JsonReader): JsonScan {
  const { names, text, others = WANT.NOTHING } = reader
  /** By depth: whether it is a list, what is wanted of its elements, and whose value it is. */
  const lists = new Uint8Array(MAX_DEPTH + 1)
  const wants = new Uint8Array(MAX_DEPTH + 1)
  const parents: string[] = []
  const skip = createStringSkip()
  /** The beginning of a name that a piece has cut. */
  let cutName: Buffer = NO_BYTES
  let place = OUTSIDE
  let depth = 0
  let want: number = WANT.NOTHING
  let name = ''
  let isNameNext = false
  let isInScalar = false
  /** What former pieces held of the value that is wanted; undefined while none is passing. */
  let kept: Buffer | undefined
  let keptDepth = 0
  let keptFrom = 0

  function keep(bytes: Buffer): void {
    if (kept === undefined) return
    const isShort = kept.length + bytes.length <= MAX_VALUE_BYTES
    // Into its own memory: the chunk is a view of the socket's read buffer, which would be kept alive whole.
    kept = isShort ? Buffer.concat([kept, bytes]) : undefined
  }

  function startValue(at: number): void {
    kept = NO_BYTES
    keptDepth = depth
    keptFrom = at
  }

  function endValue(chunk: Buffer, end: number): void {
    if (kept === undefined || depth !== keptDepth) return
    // Nearly every value lies in one chunk, and needs no copy.
    const isHere = kept.length === 0 && end - keptFrom <= MAX_VALUE_BYTES
    if (!isHere) keep(chunk.subarray(keptFrom, end))
    const json = isHere ? chunk.toString('utf8', keptFrom, end) : kept?.toString('utf8')
    kept = undefined
    if (json !== undefined) reader.onValue(name, json)
  }

  function endScalar(chunk: Buffer, at: number): void {
    if (!isInScalar) return
    isInScalar = false
    endValue(chunk, at)
  }

  function startScalar(at: number): void {
    isInScalar = true
    if (want === WANT.TEXT && lists[depth] === 1) text.addTokens(1)
    if (want === WANT.VALUE && kept === undefined) startValue(at)
  }

  function open(isList: boolean, at: number): void {
    const isWanted = want === WANT.VALUE || (want === WANT.OBJECT && !isList)
    if (isWanted && kept === undefined) startValue(at)
    if (!isList && wants[depth] === WANT.ELEMENTS) reader.onElement()
    const isAllText = want === WANT.ALL_TEXT || wants[depth] === WANT.ALL_TEXT
    depth++
    if (depth > MAX_DEPTH) return passOver()
    const isPassedOn = isAllText || (isList && want === WANT.TEXT)
    if (isAllText) want = WANT.ALL_TEXT
    lists[depth] = isList ? 1 : 0
    wants[depth] = isPassedOn || (isList && want === WANT.ELEMENTS) ? want : WANT.NOTHING
    parents[depth] = name
    if (kept === undefined) name = ''
    if (!isPassedOn) want = WANT.NOTHING
    isNameNext = !isList
  }

  function close(chunk: Buffer, at: number): void {
    endScalar(chunk, at)
    if (depth === 0) return
    depth--
    endValue(chunk, at + 1)
    passOver()
    if (depth === 0) reader.onEnd()
  }

  function passOver(): void {
    isNameNext = false
    want = WANT.NOTHING
  }

  function separate(chunk: Buffer, at: number): void {
    endScalar(chunk, at)
    if (depth > MAX_DEPTH) return
    const inherited = wants[depth] ?? WANT.NOTHING
    isNameNext = lists[depth] === 0
    want = isNameNext || inherited === WANT.ELEMENTS ? WANT.NOTHING : inherited
  }

  const isTextNext = (): boolean =>
    kept === undefined &&
    (want === WANT.TEXT || want === WANT.ALL_TEXT || wants[depth] === WANT.ALL_TEXT)

  /** Reads a string from its opening quote; returns the index behind it, or behind what of it is here. */
  function readString(chunk: Buffer, at: number, to: number): number {
    if (want === WANT.VALUE && kept === undefined) startValue(at)
    const isName = isNameNext && kept === undefined
    const end = findPlainEnd(chunk, at + 1, to)
    if (end === -1) {
      skip.begin()
      cutName = NO_BYTES
      place = isName ? IN_NAME : IN_OTHER
      return goOn(chunk, at + 1, to)
    }
    if (isName) endName(names.find(chunk, at + 1, end, false))
    else endValue(chunk, end + 1)
    return end + 1
  }

  /** Reads on in a string that has begun. */
  function goOn(chunk: Buffer, from: number, to: number): number {
    const isText = place === IN_TEXT
    const end = isText ? text.readJson(chunk, from, to) : skip.read(chunk, from, to)
    if (place === IN_NAME) keepName(chunk.subarray(from, end === -1 ? to : end - 1))
    if (end === -1) return to
    if (place === IN_NAME) endName(names.find(cutName, 0, cutName.length, skip.hasEscapes()))
    else if (!isText) endValue(chunk, end)
    place = OUTSIDE
    return end
  }

  function keepName(bytes: Buffer): void {
    if (cutName.length <= MAX_NAME_BYTES) cutName = Buffer.concat([cutName, bytes])
  }

  function endName(found: string): void {
    name = found
    if (depth === 0) want = WANT.NOTHING
    else want = found === '' ? others : reader.onName(found, depth, parents[depth] ?? '')
  }

  function readOutside(chunk: Buffer, from: number, to: number): number {
    for (let at = from; at < to; at++) {
      switch (BYTE_CLASS[chunk[at] ?? 0]) {
        case SPACE:
          endScalar(chunk, at)
          break
        case SCALAR:
          if (!isInScalar) startScalar(at)
          while (at + 1 < to && BYTE_CLASS[chunk[at + 1] ?? 0] === SCALAR) at++
          break
        case STRING:
          if (isTextNext()) {
            text.beginJson()
            place = IN_TEXT
            return at + 1
          }
          at = readString(chunk, at, to) - 1
          break
        case OPEN_OBJECT:
          open(false, at)
          break
        case OPEN_ARRAY:
          open(true, at)
          break
        case CLOSE:
          close(chunk, at)
          break
        case COLON:
          isNameNext = false
          break
        default:
          separate(chunk, at)
      }
    }
    return to
  }

  return {
    write(chunk, from, to) {
      keptFrom = from
      let at = from
      while (at < to) {
        at = place === OUTSIDE ? readOutside(chunk, at, to) : goOn(chunk, at, to)
      }
      if (kept !== undefined) keep(chunk.subarray(keptFrom, to))
    },
    reset() {
      place = OUTSIDE
      depth = 0
      isInScalar = false
      kept = undefined
      passOver()
    },
  }
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
