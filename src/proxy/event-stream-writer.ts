import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import type { AnswerWriter } from './answer-writer.ts'
import type { StreamForm } from './stream-form.ts'
import { incompleteUtf8Bytes } from './utf8-tail.ts'

/** A comment (WHATWG HTML, section 9.2.6): every client skips it, and every proxy on the way sees a byte. */
const HEARTBEAT = ': keep-alive\n\n'

const LF = 0x0a
const CR = 0x0d
/** An empty line, in each of the three line ends of the standard. */
const EVENT_ENDS = ['\n\n', '\r\n\r\n', '\r\r']
/** Longer than every mark of every form, with the line ends behind it. */
const MARK_WINDOW_BYTES = 64
const NO_BYTES = Buffer.alloc(0)

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
  let isAtEventEnd = true
  /** The model has said everything, in an event whose end has not come. */
  let isFinishDue = false
  let isFinished = false
  let isEnded = false
  /** The end of an event whose rest has not come; a mark may be cut anywhere. */
  let cutEvent: Buffer = NO_BYTES

  function observe(chunk: Buffer): void {
    const seen = cutEvent.length === 0 ? chunk : Buffer.concat([cutEvent, chunk])
    if (form !== undefined) observeEnd(seen, form)
    isAtEventEnd = endsEvent(seen)
    // A copy: the chunk is a view of the socket's read buffer, which would be kept alive whole.
    cutEvent = isAtEventEnd ? NO_BYTES : Buffer.from(lastEvent(seen).subarray(-MARK_WINDOW_BYTES))
  }

  function observeEnd(seen: Buffer, { endMark, findFinish }: StreamForm): void {
    if (!isFinished) {
      const finishAt = isFinishDue ? 0 : findFinish(seen)
      isFinishDue = finishAt !== -1
      isFinished = isFinishDue && EVENT_ENDS.some((end) => seen.includes(end, finishAt))
    }
    isEnded = endMark === '' ? isFinished : endsWithLine(seen, endMark)
  }

  function write(chunk: Buffer): boolean {
    const bytes = held === undefined ? chunk : Buffer.concat([held, chunk])
    const incomplete = incompleteUtf8Bytes(bytes)
    held = incomplete === 0 ? undefined : Buffer.from(bytes.subarray(bytes.length - incomplete))
    const whole = incomplete === 0 ? bytes : bytes.subarray(0, bytes.length - incomplete)
    if (whole.length === 0) return true
    observe(whole)
    return response.write(whole)
  }

  function fail(error: KeystowError): void {
    if (form === undefined) return void response.destroy()
    if (!isEnded) response.write((isAtEventEnd ? '' : '\n\n') + form.errorFrames(error))
    response.end()
  }

  /** What a finished stream still lacks; an event that was cut after the finish is ended first. */
  function endOf({ endFrame }: StreamForm): string {
    if (isEnded || endFrame === '') return ''
    return isAtEventEnd ? endFrame : `\n\n${endFrame}`
  }

  return {
    write,
    fail,
    end() {
      if (held !== undefined) {
        response.write(held)
        isAtEventEnd = false
      }
      const isWhole = form === undefined || isEnded || isFinished
      if (!isWhole) fail(new KeystowError('upstreamUnavailable'))
      else response.end(form === undefined ? '' : endOf(form))
      return isWhole
    },
    beat() {
      const isBetweenEvents = isAtEventEnd && held === undefined
      if (isBetweenEvents && !isEnded && !response.writableNeedDrain) response.write(HEARTBEAT)
    },
  }
}

/** Whether the last line that is not empty is this one, and not a text of the model that holds it. */
function endsWithLine(bytes: Buffer, line: string): boolean {
  let end = bytes.length
  while (bytes[end - 1] === LF || bytes[end - 1] === CR) end--
  const start = end - line.length
  if (end === bytes.length || start < 0 || bytes.indexOf(line, start) !== start) return false
  return start === 0 || bytes[start - 1] === LF || bytes[start - 1] === CR
}

/** What has come of the event that is not whole. */
function lastEvent(bytes: Buffer): Buffer {
  const starts = EVENT_ENDS.map((end) => {
    const at = bytes.lastIndexOf(end)
    return at === -1 ? 0 : at + end.length
  })
  return bytes.subarray(Math.max(...starts))
}

/** Whether the bytes end with an empty line, in any of the three line ends of the standard. */
function endsEvent(bytes: Buffer): boolean {
  const last = bytes[bytes.length - 1]
  const before = bytes[bytes.length - 2]
  if (last === LF && before === CR) {
    const third = bytes[bytes.length - 3]
    return third === LF || third === CR
  }
  return (last === LF && before === LF) || (last === CR && before === CR)
}
