import type { JsonNames } from './json-names.ts'
import { type JsonReader, WANT } from './json-reader.ts'
import type { StringSkip } from './string-skip.ts'
import type { TextTally } from './text-tally.ts'

/** How far a scan of JSON has come. One object, not closures: there are thousands of streams, and two scans for each. */
export interface ScanState extends StringSkip {
  readonly reader: JsonReader
  readonly names: JsonNames
  readonly text: TextTally
  readonly others: number
  /** By depth: what is wanted of its elements, and whether it is a list. */
  readonly levels: number[]
  /** By depth: whose value it is. */
  readonly parents: string[]
  /** The beginning of a name that a piece has cut. */
  cutName: Buffer
  place: number
  depth: number
  want: number
  name: string
  isNameNext: boolean
  isInScalar: boolean
  /** What former pieces held of the value that is wanted; undefined while none is passing. */
  kept: Buffer | undefined
  keptDepth: number
  keptFrom: number
  /** What has been told, for who sets it back: texts, and where the last of them stands; ends; anything else. */
  texts: number
  textFrom: number
  textEnd: number
  ends: number
  hasTold: boolean
}

/** Below this depth nothing is told. */
export const MAX_DEPTH = 63

export const NO_BYTES: Buffer = Buffer.alloc(0)

export function createScanState(reader: JsonReader): ScanState {
  return {
    isEscaped: false,
    hasEscapes: false,
    reader,
    names: reader.names,
    text: reader.text,
    others: reader.others ?? WANT.NOTHING,
    // As deep as most JSON goes, before they grow: a typed array takes twice the memory, and ten times as long to make.
    levels: [0, 0, 0, 0, 0, 0, 0, 0],
    parents: ['', '', '', '', '', '', '', ''],
    cutName: NO_BYTES,
    place: 0,
    depth: 0,
    want: WANT.NOTHING,
    name: '',
    isNameNext: false,
    isInScalar: false,
    kept: undefined,
    keptDepth: 0,
    keptFrom: 0,
    texts: 0,
    textFrom: 0,
    textEnd: 0,
    ends: 0,
    hasTold: false,
  }
}
