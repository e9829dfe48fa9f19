import type { JsonNames } from './json-names.ts'
import { createLinePattern, type LinePattern, matchPattern } from './line-pattern.ts'

/** What the events of a stream have in common. */
export interface Shape {
  /** Up to the text. */
  readonly head: LinePattern
  /** From the quote that ends it. */
  readonly tail: LinePattern
  isShared: boolean
}

/**
 * The shapes of all streams. Those of one upstream's streams are the same, and what all of them are compared with is at
 * hand, where each stream's own has left the processor's caches when its next event comes.
 */
export interface ShapePool {
  /** The values of these names are the same in all events of a shape. */
  readonly fixed: JsonNames | undefined
  readonly shapes: Shape[]
  next: number
}

/**
 * Models of an upstream mostly differ in values alone. Beyond that the oldest is forgotten, and stays with its streams. To
 * look through more would cost time where few events are alike.
 */
const MAX_SHAPES = 16

export const createShapePool = (fixed?: JsonNames): ShapePool => ({ fixed, shapes: [], next: 0 })

/** The head and the tail of an event. */
export type Ends = readonly [head: Buffer, tail: Buffer]

/** The shape of an event with these ends: one that is known, or else a new one, which nobody shares yet. */
export function shapeOf(pool: ShapePool, [head, tail]: Ends): Shape {
  const known = findShape(pool, [head, tail])
  if (known !== undefined) return known
  return {
    head: createLinePattern(head, pool.fixed),
    tail: createLinePattern(tail, pool.fixed),
    isShared: false,
  }
}

/**
 * The shape that all streams share in place of this one, of which an event with these ends is the second. Events that are
 * like no other stay with their stream; streams that began together have each learned the same.
 */
export function shareShape(pool: ShapePool, shape: Shape, ends: Ends): Shape {
  const known = findShape(pool, ends)
  if (known !== undefined) return known
  shape.isShared = true
  pool.shapes[pool.next] = shape
  pool.next = (pool.next + 1) % MAX_SHAPES
  return shape
}

const findShape = ({ shapes }: ShapePool, [head, tail]: Ends): Shape | undefined =>
  shapes.find((shape) => isAll(shape.head, head) && isAll(shape.tail, tail))

const isAll = (pattern: LinePattern, bytes: Buffer): boolean =>
  matchPattern(pattern, bytes, 0) === bytes.length
