import { createTextCapture } from './text-capture.ts'

/** A member of a JSON object. */
export interface Member {
  readonly name: string
  /** Undefined for objects, arrays, and what is longer than any value that policy reads. */
  readonly value: unknown
  /** Where its value stands: offsets from the beginning of the body, the second behind its last byte. */
  readonly start: number
  readonly end: number
}

interface MemberHandlers {
  /** Takes the name of every member as it passes; returns why the object must be refused, or undefined. */
  readonly onName: (name: string) => string | undefined
  /** Whether a member's value is to be read. */
  readonly isWanted: (name: string) => boolean
  /** Takes each wanted member once its value has passed. */
  readonly onMember: (member: Member) => void
}

/** Reads the top level of one JSON object while its bytes pass. */
export interface MemberScanner {
  /** Takes the next bytes; returns why the object must be refused, or undefined. */
  write(chunk: Buffer): string | undefined
  /** Ends the object; returns why it must be refused, or undefined. */
  end(): string | undefined
  /** Where its first member would stand: the offset behind its `{`. */
  openedAt(): number
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

const MALFORMED = 'The request body is not valid JSON. Check it and send it again.'
const NOT_AN_OBJECT = 'The request body is not a JSON object. Send one, such as {"model": "…"}.'
const BYTE_ORDER_MARK =
  'The request body begins with a byte-order mark, which is not JSON. Send UTF-8 without one.'
const COMPRESSED = 'The request body is compressed, which is not read here. Send it as it is.'
/** An object is what endpoints with a model take; elsewhere a list may be. */
export const ARRAY = 'The request body is a JSON array. Send an object, such as {"model": "…"}.'
const TRUNCATED = 'The request body ends before its JSON does. Send all of it.'
const TOO_DEEP = `The request body is nested more than ${MAX_DEPTH} levels deep. Send a flatter one.`

/** What no JSON begins with, and what a body that does is: the marks of UTF-8 and of UTF-16 either way, and gzip's. */
const STRANGE_STARTS: ReadonlyMap<number, string> = new Map([
  [0xef, BYTE_ORDER_MARK],
  [0xfe, BYTE_ORDER_MARK],
  [0xff, BYTE_ORDER_MARK],
  [0x1f, COMPRESSED],
])

type Expected = 'start' | 'key' | 'colon' | 'value' | 'scalar' | 'comma' | 'nothing'

/**
 * A scanner, not a parser: it checks the bytes outside strings, the nesting and the grammar of the
 * top level, because two parsers that disagree about where a string ends disagree about the model.
 */
export function createMemberScanner({ onName, isWanted, onMember }: MemberHandlers): MemberScanner {
  const closers: number[] = []
  let expected: Expected = 'start'
  let isInString = false
  let isEscaped = false
  const captured = createTextCapture()
  let key: string | undefined
  /** That is being read, and where it begins in the body. */
  let chunk: Buffer = NO_BYTES
  let chunkAt = 0
  let valueAt = 0
  let openedAt = 0
  let isEmpty = true
  let refusal: string | undefined

  /** From inside a string to behind its closing quote, or to the end of the chunk. */
  function skipString(from: number): number {
    let at = from
    while (at < chunk.length) {
      const quote = chunk.indexOf(QUOTE, at)
      const end = quote === -1 ? chunk.length : quote
      let backslashes = 0
      while (end - 1 - backslashes >= at && chunk[end - 1 - backslashes] === BACKSLASH)
        backslashes++
      const reachesStart = backslashes === end - at
      const isOdd = (backslashes + (reachesStart && isEscaped ? 1 : 0)) % 2 === 1
      isEscaped = quote === -1 ? isOdd : false
      if (quote === -1) break
      at = quote + 1
      if (!isOdd) {
        endString(captured.take(chunk, from, quote), at)
        return at
      }
    }
    captured.keep(chunk, from, chunk.length)
    return chunk.length
  }

  function endString(text: string | undefined, end: number): void {
    isInString = false
    if (closers.length !== 1) return
    const value = text === undefined ? undefined : parseString(text)
    if (text !== undefined && value === undefined) refusal = MALFORMED
    if (expected !== 'key') return endValue(value, end)
    isEmpty = false
    key = typeof value === 'string' ? value : undefined
    expected = 'colon'
    if (key !== undefined) refusal = onName(key)
  }

  function endValue(value: unknown, end: number): void {
    if (key !== undefined && isWanted(key)) {
      onMember({ name: key, value, start: valueAt, end: chunkAt + end })
    }
    key = undefined
    expected = 'comma'
  }

  function open(closer: number, at: number): void {
    if (expected === 'start' && closer !== CLOSE_OBJECT) refusal = ARRAY
    else if (closers.length === 1 && expected !== 'value') refusal = MALFORMED
    else if (closers.length === MAX_DEPTH) refusal = TOO_DEEP
    if (expected === 'start') {
      expected = 'key'
      openedAt = chunkAt + at + 1
    } else if (closers.length === 1) {
      valueAt = chunkAt + at
    }
    closers.push(closer)
  }

  function close(closer: number, at: number): void {
    endScalar(at)
    if (closers.length === 1 && expected !== 'comma' && !isEmpty) refusal = MALFORMED
    if (closers.pop() !== closer) refusal = MALFORMED
    if (closers.length === 1) endValue(undefined, at + 1)
    else if (closers.length === 0) expected = 'nothing'
  }

  function startString(at: number): void {
    isInString = true
    if (closers.length > 1) return captured.begin(false)
    valueAt = chunkAt + at
    if (expected !== 'key' && expected !== 'value') {
      refusal = expected === 'start' ? NOT_AN_OBJECT : MALFORMED
    }
    captured.begin(expected === 'key' || isValueWanted())
  }

  const isValueWanted = (): boolean => key !== undefined && isWanted(key)

  /** Where in the chunk the scalar begins, or goes on. */
  const scalarAt = (): number => Math.max(valueAt - chunkAt, 0)

  function endScalar(end: number): void {
    if (expected !== 'scalar') return
    const text = captured.take(chunk, scalarAt(), end)
    const value = text === undefined ? undefined : parseScalar(text)
    if (text !== undefined && value === undefined) refusal = MALFORMED
    endValue(value, end)
  }

  function separate(byte: number, at: number): void {
    endScalar(at)
    if (closers.length !== 1) return
    if (byte === COMMA && expected === 'comma') expected = 'key'
    else if (byte === COLON && expected === 'colon') expected = 'value'
    else refusal = MALFORMED
  }

  /** A byte of a number or literal; those below the top level are left to the upstream. */
  function scalarByte(at: number): void {
    if (closers.length > 1) return
    if (expected === 'value') {
      captured.begin(isValueWanted())
      valueAt = chunkAt + at
      expected = 'scalar'
    } else if (expected !== 'scalar') {
      refusal = expected === 'start' ? NOT_AN_OBJECT : MALFORMED
    }
  }

  function step(at: number): void {
    const byte = chunk[at] ?? 0
    if (expected === 'nothing' && BYTE_CLASS[byte] !== 1) refusal = MALFORMED
    else if (byte === QUOTE) startString(at)
    else if (byte === COMMA || byte === COLON) separate(byte, at)
    else if (byte === OPEN_OBJECT) open(CLOSE_OBJECT, at)
    else if (byte === OPEN_ARRAY) open(CLOSE_ARRAY, at)
    else if (byte === CLOSE_OBJECT || byte === CLOSE_ARRAY) close(byte, at)
    else if (BYTE_CLASS[byte] === 1) endScalar(at)
    else if (BYTE_CLASS[byte] === 2) scalarByte(at)
    else refusal = expected === 'start' ? (STRANGE_STARTS.get(byte) ?? NOT_AN_OBJECT) : MALFORMED
  }

  return {
    write(bytes) {
      chunk = bytes
      let at = 0
      while (at < chunk.length && refusal === undefined) {
        if (isInString) at = skipString(at)
        else step(at++)
      }
      if (expected === 'scalar') captured.keep(chunk, scalarAt(), chunk.length)
      chunkAt += chunk.length
      chunk = NO_BYTES
      return refusal
    },
    end() {
      if (refusal !== undefined) return refusal
      if (expected === 'start') return NOT_AN_OBJECT
      return expected === 'nothing' ? undefined : TRUNCATED
    },
    openedAt: () => openedAt,
  }
}

/** What JSON writes in another way than it reads: all other text is what it stands for. */
const ESCAPED = /[^ -[\]-~\u0080-\uffff]/

const parseString = (text: string): unknown =>
  ESCAPED.test(text) ? parseScalar(`"${text}"`) : text

function parseScalar(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
