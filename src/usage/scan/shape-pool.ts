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

/** The shape of an event with this head and this tail: one that is known, or else a new one, which nobody shares yet. */
export function shapeOf(pool: ShapePool, head: Buffer, tail: Buffer): Shape {
  const known = pool.shapes.find((shape) => isAll(shape.head, head) && isAll(shape.tail, tail))
  if (known !== undefined) return known
  return {
    head: createLinePattern(head, pool.fixed),
    tail: createLinePattern(tail, pool.fixed),
    isShared: false,
  }
}

/** Another event has this shape: events that are like no other stay with their stream. */
export function shareShape(pool: ShapePool, shape: Shape): void {
  if (shape.isShared) return
  shape.isShared = true
  pool.shapes[pool.next] = shape
  pool.next = (pool.next + 1) % MAX_SHAPES
}

const isAll = (pattern: LinePattern, bytes: Buffer): boolean =>
  matchPattern(pattern, bytes, 0) === bytes.length
