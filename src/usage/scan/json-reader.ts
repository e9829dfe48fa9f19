import type { JsonNames } from './json-names.ts'
import type { TextTally } from './text-tally.ts'

/** What is wanted of a member's value. */
export const WANT = {
  NOTHING: 0,
  /** Its characters, when it is a text or a list of texts; a number in such a list is a token. */
  TEXT: 1,
  /** The characters of every text in it, names too. */
  ALL_TEXT: 2,
  /** Its JSON. */
  VALUE: 3,
  /** Its JSON, when it is an object. */
  OBJECT: 4,
  /** How many objects stand in it, when it is a list. */
  ELEMENTS: 5,
} as const

export type Want = (typeof WANT)[keyof typeof WANT]

/**
 * What of JSON is told, and to whom. A reader is handed itself, last: what it knows can stand in it, and its functions
 * be the same for all of its kind.
 */
export interface JsonReader {
  readonly names: JsonNames
  /** What is wanted of members of other names; absent, they are passed over. */
  readonly others?: Want
  readonly text: TextTally
  /** A member begins: in an object at this depth, 1 for the outermost, that is the value of `parent`. */
  onName(name: string, depth: number, parent: string, reader: this): Want
  onValue(name: string, json: string, reader: this): void
  onElement(reader: this): void
  /** The outermost object or list has ended. */
  onEnd(reader: this): void
}
