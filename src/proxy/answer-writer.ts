import type { ServerResponse } from 'node:http'

import type { KeystowError } from '../errors.ts'
import { breakOff } from './break-off.ts'

/** Carries an upstream's body to the client. */
export interface AnswerWriter {
  /** Takes the next bytes; false asks for a pause until the response drains. */
  write(chunk: Buffer): boolean
  /** Whether this is an event like one that has passed, so that beside its text it tells nothing. */
  isRepeat(chunk: Buffer): boolean
  /** The same as `write`, of such an event. */
  repeat(chunk: Buffer): boolean
  /** The upstream ended properly; returns why the answer is not whole all the same. */
  end(): KeystowError | undefined
  /** The upstream broke off: tells the client so in the way that its answer allows. */
  fail(error: KeystowError): void
  /** The model has finished, as far as can be told: what may follow costs nothing. */
  isFinished(): boolean
  /** Sends a sign of life, where the answer has room for one. */
  beat(): void
  /** Something of what came waits for its rest. */
  isHolding(): boolean
}

interface OpaqueWriter extends AnswerWriter {
  readonly response: ServerResponse
}

/**
 * For JSON, audio and images. An answer that breaks off is aborted: the
 * client sees a broken connection, never a short body that looks whole.
 */
export function createOpaqueWriter(response: ServerResponse): AnswerWriter {
  const writer: OpaqueWriter = { response, ...METHODS }
  return writer
}

/** The same for every answer. */
const METHODS = {
  write(this: OpaqueWriter, chunk: Buffer): boolean {
    return this.response.write(chunk)
  },
  isRepeat: () => false,
  repeat(this: OpaqueWriter, chunk: Buffer): boolean {
    return this.response.write(chunk)
  },
  end(this: OpaqueWriter): undefined {
    this.response.end()
  },
  fail(this: OpaqueWriter): void {
    breakOff(this.response)
  },
  isFinished: () => false,
  beat() {},
  isHolding: () => false,
}
