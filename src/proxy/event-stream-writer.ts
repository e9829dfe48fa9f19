import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import type { AnswerWriter } from './answer-writer.ts'
import { createChunkWriter } from './chunk-writer.ts'
import { createEventReader } from './event-reader.ts'
import type { StreamForm } from './stream-form.ts'
import { createStreamProgress } from './stream-progress.ts'
import { incompleteUtf8Bytes } from './utf8-tail.ts'

/** A comment (WHATWG HTML, section 9.2.6): every client skips it, and every proxy on the way sees a byte. */
const HEARTBEAT = ': keep-alive\n\n'

/**
 * For event streams: forwards every chunk in the turn in which it came and never cuts a character in two (two
 * chat UIs decode each chunk alone). A stream of a known form that broke off ends with an error that its
 * clients understand, any other with a broken connection. A clean end is never made up.
 */
export function createEventStreamWriter(
  response: ServerResponse,
  form: StreamForm | undefined,
): AnswerWriter {
  /** Up to three bytes of a character whose rest has not come. */
  let held: Buffer | undefined
  const send = createChunkWriter(response)
  const progress = form && createStreamProgress(form)
  const events = progress ?? createEventReader(undefined)

  const isFinished = (): boolean => progress?.isEnded() === true || progress?.isFinished() === true

  function write(chunk: Buffer): boolean {
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk])
    const incomplete = incompleteUtf8Bytes(bytes)
    held = incomplete === 0 ? undefined : Buffer.from(bytes.subarray(bytes.length - incomplete))
    const whole = incomplete === 0 ? bytes : bytes.subarray(0, bytes.length - incomplete)
    if (whole.length === 0) return true
    events.write(whole)
    return send(whole)
  }

  /** Ends the stream as its form asks for; returns why it is not whole. */
  function conclude({ endFrame, errorFrame }: StreamForm, error: KeystowError) {
    const missing = events.end()
    const end = progress?.isEnded() === true ? '' : endFrame
    if (progress?.isErrorTold() === true) {
      response.end(missing + end)
      return brokenOff('the upstream told an error in its stream')
    }
    if (isFinished()) {
      response.end(missing + end)
      return undefined
    }
    response.end(missing + errorFrame(error) + end)
    return error
  }

  return {
    write,
    isFinished,
    fail(error) {
      if (form === undefined) response.destroy()
      else conclude(form, error)
    },
    end() {
      if (held !== undefined) {
        events.write(held)
        send(held)
      }
      if (form !== undefined) {
        return conclude(form, brokenOff('the stream ended before the model had finished'))
      }
      response.end()
      return undefined
    },
    beat() {
      const isQuiet = events.isBetweenEvents() && held === undefined && progress?.isEnded() !== true
      if (isQuiet && !response.writableNeedDrain) response.write(HEARTBEAT)
    },
  }
}

const brokenOff = (reason: string): KeystowError =>
  new KeystowError('upstreamUnavailable', { cause: new Error(reason) })
