import { inspect } from 'node:util'

const REDACTED = '[redacted]'

/** A value that prints as `[redacted]` however it is logged, serialised or inspected. */
export interface Secret {
  /** The value itself. Call it where the bytes are written, and keep the result nowhere. */
  reveal(): string
  toString(): string
  toJSON(): string
}

/**
 * Wraps a secret. The value lives in a closure, not in a property, so that neither `JSON.stringify`
 * nor `util.inspect` with `showHidden` can reach it.
 */
export function createSecret(value: string): Secret {
  const print = (): string => REDACTED
  return Object.freeze({
    reveal: () => value,
    toString: print,
    toJSON: print,
    [Symbol.toPrimitive]: print,
    [inspect.custom]: print,
  })
}
