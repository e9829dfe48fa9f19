import { BACKSLASH, INTRODUCERS, MAX_UNIT_BYTES, NO_CHARACTER, type Unit } from './escape-unit.ts'
import { readEscape } from './read-escape.ts'

/** A place where a secret stands, from `start` up to but not including `end`. */
export interface Match {
  readonly start: number
  readonly end: number
}

/** Where secrets stand in some bytes. */
export interface Finding {
  readonly matches: readonly Match[]
  /** Where a secret that the bytes cut off would begin; their length when none does. */
  readonly cutAt: number
  /** Whether anything was escaped, or may have been; otherwise nothing changes when escapes stand for themselves. */
  readonly hasEscapes: boolean
}

export interface ReadOptions {
  /** Where to begin. */
  readonly from: number
  /** Whether escapes stand for what they escape, or for themselves. */
  readonly isUnescaped: boolean
  /** Nothing follows the bytes. */
  readonly isLast: boolean
}

/** Searches for any number of forms at once, in one pass over the bytes. */
export interface FormMatcher {
  find(bytes: Buffer, options: ReadOptions): Finding
  /** No beginning of a form that bytes cut off is longer. */
  readonly maxBytes: number
}

const NUL = 0x00
const LF = 0x0a
const CR = 0x0d

/** Classes of bytes: 0 stands in no form, those from here on are looked at more closely. */
const NUL_CLASS = 253
const LINE_BREAK_CLASS = 254
const INTRODUCER_CLASS = 255

/** A form's line may end after any character: `\r\n`, each escaped. */
const MAX_LINE_BREAK_BYTES = 2 * MAX_UNIT_BYTES

/** What UTF-32 has between two ASCII characters, and UTF-16 around a line break. */
const MAX_NULS = 3

/**
 * An Aho-Corasick automaton (Efficient string matching, CACM 18/6), whose cost does not grow with the number of
 * forms. One line break between two characters of a form is read over: base64 is sent in lines, and texts are
 * wrapped. Two are the end of an event, and so of what could be held back. The zero bytes of UTF-16 and UTF-32 are read
 * over too.
 */
export function createFormMatcher(forms: readonly Buffer[]): FormMatcher {
  const { classes, next, width, depths, accepts } = buildAutomaton(forms)
  const rawClasses = createClasses(classes, [])
  const unitClasses = createClasses(classes, INTRODUCERS)
  const longest = Math.max(1, ...forms.map((form) => form.length))
  /** Where each of the last characters began; a ring that holds the longest form. */
  const starts = new Uint32Array(2 ** Math.ceil(Math.log2(longest + 1)))
  const last = starts.length - 1
  const unit: Unit = { character: 0, length: 0, isCut: false }
  const startOf = (count: number): number => starts[count & last] ?? 0
  const cutOf = (state: number, count: number, end: number): number =>
    state === 0 ? end : startOf(count - (depths[state] ?? 0))

  return {
    maxBytes: longest * (MAX_UNIT_BYTES * (1 + MAX_NULS) + MAX_LINE_BREAK_BYTES),
    find(bytes, { from, isUnescaped, isLast }) {
      const kinds = isUnescaped ? unitClasses : rawClasses
      const matches: Match[] = []
      const end = bytes.length
      let hasEscapes = false
      let at = from
      let state = 0
      let count = 0
      let lineBreak = 0
      let nuls = 0
      while (at < end) {
        const start = at++
        let character = bytes[start] ?? 0
        let kind = kinds[character] ?? 0
        if (kind === INTRODUCER_CLASS) {
          readEscape(bytes, start, unit, isLast)
          if (unit.isCut) return { matches, cutAt: cutOf(state, count, start), hasEscapes: true }
          hasEscapes ||= unit.length > 1
          at = start + unit.length
          character = unit.character
          kind = classes[character] ?? 0
        }
        if (kind === NUL_CLASS) {
          if (++nuls > MAX_NULS) state = 0
          if (state === 0 && at > start + 1) at = behindIntroducer(bytes, start)
          continue
        }
        if (kind === LINE_BREAK_CLASS) {
          const isSecond = lineBreak !== 0 && !(lineBreak === CR && character === LF)
          if (isSecond) state = 0
          lineBreak = character
          if (state === 0 && at > start + 1) at = behindIntroducer(bytes, start)
          continue
        }
        lineBreak = 0
        nuls = 0
        starts[count++ & last] = start
        state = next[state * width + kind] ?? 0
        if (state === 0) {
          if (at > start + 1 && character !== NO_CHARACTER) at = behindIntroducer(bytes, start)
          continue
        }
        const matched = accepts[state] ?? 0
        if (matched === 0) continue
        matches.push({ start: startOf(count - matched), end: at })
      }
      return { matches, cutAt: cutOf(state, count, end), hasEscapes }
    },
  }
}

/** What was read as an escape, and stands for no character of a form, may hold the beginning of one. */
function behindIntroducer(bytes: Buffer, start: number): number {
  let at = start + 1
  while (bytes[at] === BACKSLASH) at++
  return at
}

function createClasses(classes: Uint8Array, introducers: readonly number[]): Uint8Array {
  const copy = Uint8Array.from(classes)
  for (const byte of introducers) copy[byte] = INTRODUCER_CLASS
  return copy
}

interface Automaton {
  /** The class of each byte. */
  readonly classes: Uint8Array
  /** How many classes there are. */
  readonly width: number
  /** The state that follows a state and a class, at `state * width + class`. */
  readonly next: Uint32Array
  /** How many characters of a form each state has seen. */
  readonly depths: Uint16Array
  /** The length of the form that is complete in a state; 0 where none is. */
  readonly accepts: Uint16Array
}

function buildAutomaton(forms: readonly Buffer[]): Automaton {
  const classes = new Uint8Array(256)
  classes[NUL] = NUL_CLASS
  classes[LF] = classes[CR] = LINE_BREAK_CLASS
  let width = 1
  for (const byte of Buffer.concat(forms)) {
    if (classes[byte] === 0) classes[byte] = width++
  }
  const size = forms.reduce((sum, form) => sum + form.length, 1)
  const next = new Uint32Array(size * width)
  const depths = new Uint16Array(size)
  const accepts = new Uint16Array(size)
  let states = 1
  for (const form of forms) {
    let state = 0
    for (const [index, byte] of form.entries()) {
      const edge = state * width + (classes[byte] ?? 0)
      if (next[edge] === 0) next[edge] = states++
      state = next[edge] ?? 0
      depths[state] = index + 1
    }
    accepts[state] = form.length
  }
  addFallbacks({ classes, width, next, depths, accepts })
  return { classes, width, next, depths, accepts }
}

/** Breadth first: where a state has no edge of its own, its longest suffix that is a state has one. */
function addFallbacks({ width, next, accepts }: Automaton): void {
  const fallback = new Uint32Array(accepts.length)
  const queue = [...next.subarray(0, width)].filter((state) => state !== 0)
  for (const state of queue) {
    const suffix = fallback[state] ?? 0
    accepts[state] ||= accepts[suffix] ?? 0
    for (let kind = 0; kind < width; kind++) {
      const edge = state * width + kind
      const ofSuffix = next[suffix * width + kind] ?? 0
      const child = next[edge] ?? 0
      if (child === 0) next[edge] = ofSuffix
      else {
        fallback[child] = ofSuffix
        queue.push(child)
      }
    }
  }
}
