import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import type { AnswerWriter } from './answer-writer.ts'
import { breakOff } from './break-off.ts'
import { createChunkWriter } from './chunk-writer.ts'
import { createEventHold } from './event-hold.ts'
import { createEventReader } from './event-reader.ts'
import type { StreamForm } from './stream-form.ts'
import { createStreamProgress } from './stream-progress.ts'
import { incompleteUtf8Bytes } from './utf8-tail.ts'

/** A comment (WHATWG HTML, section 9.2.6): every client skips it, and every proxy on the way sees a byte. */
const HEARTBEAT = ': keep-alive\n\n'

const NO_BYTES = Buffer.alloc(0)

/**
 * For event streams: forwards every event in the turn in which it came and never cuts a character in two (two
 * chat UIs decode each chunk alone). A stream of a known form that broke off ends with an error that its
 * clients understand, any other with a broken connection. A clean end is never made up. In a known form an event
 * waits for its data to be whole: what is cut would be read before the error, and SDKs give up on what is no JSON.
 */
export function createEventStreamWriter(
  response: ServerResponse,
  form: StreamForm | undefined,
): AnswerWriter {
  /** Up to three bytes of a character whose rest has not come. */
  let held: Buffer | undefined
  const send = createChunkWriter(response)
  const progress = form && createStreamProgress(form)
  const events = progress ?? createEventReader(undefined, undefined)
  const hold = createEventHold()
  let isHeadOut = false
  /** What went out last, where an error must say its number; to be read only when there is one. */
  let lastSent: Buffer = NO_BYTES

  const isFinished = (): boolean => progress?.isEnded() === true || progress?.isFinished() === true

  function write(chunk: Buffer): boolean {
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk])
    const incomplete = incompleteUtf8Bytes(bytes)
    held = incomplete === 0 ? undefined : Buffer.from(bytes.subarray(bytes.length - incomplete))
    const whole = incomplete === 0 ? bytes : bytes.subarray(0, bytes.length - incomplete)
    return whole.length === 0 ? waitForRest() : forward(whole)
  }

  function forward(bytes: Buffer): boolean {
    events.write(bytes)
    const ready = progress === undefined ? bytes : hold.write(bytes, progress.openBytes())
    if (ready.length === 0) return waitForRest()
    isHeadOut = true
    if (form?.isNumbered === true) lastSent = ready
    return send(ready)
  }

  /** The head does not wait for it. */
  function waitForRest(): true {
    if (!isHeadOut) response.flushHeaders()
    isHeadOut = true
    return true
  }

  /** Ends the stream as its form asks for; returns why it is not whole. */
  function conclude({ endFrame, errorFrame }: StreamForm, error: KeystowError) {
    // An event that is held is one that is cut, and nothing of it has passed.
    const missing = hold.isHolding() ? '' : events.end()
    const end = progress?.isEnded() === true ? '' : endFrame
    if (progress?.isErrorTold() === true) {
      response.end(missing + end)
      return brokenOff('the upstream told an error in its stream')
    }
    if (isFinished()) {
      response.end(missing + end)
      return undefined
    }
    response.end(missing + errorFrame(error, lastSent) + end)
    return error
  }

  return {
    write,
    isFinished,
    fail(error) {
      if (form === undefined) breakOff(response)
      else conclude(form, error)
    },
    end() {
      if (held !== undefined) forward(held)
      if (form !== undefined) {
        return conclude(form, brokenOff('the stream ended before the model had finished'))
      }
      response.end()
      return undefined
    },
    beat() {
      const isBetween = hold.isHolding() || events.isBetweenEvents()
      if (isBetween && progress?.isEnded() !== true && !response.writableNeedDrain) {
        response.write(HEARTBEAT)
      }
    },
    isHolding: () => hold.isHolding(),
  }
}

const brokenOff = (reason: string): KeystowError =>
  new KeystowError('upstreamUnavailable', { cause: new Error(reason) })
