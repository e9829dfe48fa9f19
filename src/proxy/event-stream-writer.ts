import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import type { AnswerWriter } from './answer-writer.ts'
import { breakOff } from './break-off.ts'
import { createChunkWriter } from './chunk-writer.ts'
import { createEventHold, type EventHold } from './event-hold.ts'
import { createEventReader, type EventReader } from './event-reader.ts'
import type { StreamForm } from './stream-form.ts'
import { createStreamProgress, type StreamProgress } from './stream-progress.ts'
import { incompleteUtf8Bytes } from './utf8-tail.ts'

/** A comment (WHATWG HTML, section 9.2.6): every client skips it, and every proxy on the way sees a byte. */
const HEARTBEAT = ': keep-alive\n\n'

const NO_BYTES = Buffer.alloc(0)

interface WriterState {
  readonly response: ServerResponse
  readonly form: StreamForm | undefined
  readonly progress: StreamProgress | undefined
  readonly events: EventReader
  readonly hold: EventHold
  readonly send: (chunk: Buffer) => boolean
  /** Up to three bytes of a character whose rest has not come. */
  cut: Buffer | undefined
  isHeadOut: boolean
  /** What went out last, where an error must say its number; to be read only when there is one. */
  lastSent: Buffer
}

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
  const progress = form && createStreamProgress(form)
  const writer: WriterState = {
    response,
    form,
    progress,
    events: progress ?? createEventReader(undefined, undefined),
    hold: createEventHold(),
    send: createChunkWriter(response),
    cut: undefined,
    isHeadOut: false,
    lastSent: NO_BYTES,
  }
  return {
    write: (chunk) => write(writer, chunk),
    isRepeat: (chunk) => writer.cut === undefined && progress?.isRepeat(chunk) === true,
    repeat: (chunk) => send(writer, chunk),
    isFinished: () => isFinished(writer),
    fail(error) {
      if (form === undefined) breakOff(response)
      else conclude(writer, form, error)
    },
    end: () => end(writer),
    beat: () => beat(writer),
    isHolding: writer.hold.isHolding,
  }
}

function write(writer: WriterState, chunk: Buffer): boolean {
  const bytes = writer.cut === undefined ? chunk : Buffer.concat([writer.cut, chunk])
  const incomplete = incompleteUtf8Bytes(bytes)
  if (incomplete === 0) {
    writer.cut = undefined
    return bytes.length === 0 ? waitForRest(writer) : forward(writer, bytes)
  }
  const wholeBytes = bytes.length - incomplete
  writer.cut = Buffer.from(bytes.subarray(wholeBytes))
  return wholeBytes === 0 ? waitForRest(writer) : forward(writer, bytes.subarray(0, wholeBytes))
}

function forward(writer: WriterState, bytes: Buffer): boolean {
  const { progress, events, hold } = writer
  events.write(bytes)
  const ready = progress === undefined ? bytes : hold.write(bytes, progress.openBytes())
  return ready.length === 0 ? waitForRest(writer) : send(writer, ready)
}

function send(writer: WriterState, ready: Buffer): boolean {
  writer.isHeadOut = true
  if (writer.form?.isNumbered === true) writer.lastSent = ready
  return writer.send(ready)
}

/** The head does not wait for it. */
function waitForRest(writer: WriterState): true {
  if (!writer.isHeadOut) writer.response.flushHeaders()
  writer.isHeadOut = true
  return true
}

const isFinished = ({ progress }: WriterState): boolean =>
  progress?.isEnded() === true || progress?.isFinished() === true

function end(writer: WriterState): KeystowError | undefined {
  const { form, response, cut } = writer
  if (cut !== undefined) forward(writer, cut)
  if (form !== undefined) return conclude(writer, form)
  response.end()
  return undefined
}

/** Ends the stream as its form asks for; returns why it is not whole. Without an error it has come to its end. */
function conclude(writer: WriterState, form: StreamForm, error?: KeystowError) {
  const { response, progress, events, hold, lastSent } = writer
  // An event that is held is one that is cut, and nothing of it has passed.
  const missing = hold.isHolding() ? '' : events.end()
  const endFrame = progress?.isEnded() === true ? '' : form.endFrame
  if (progress?.isErrorTold() === true) {
    response.end(missing + endFrame)
    return brokenOff('the upstream told an error in its stream')
  }
  if (isFinished(writer)) {
    response.end(missing + endFrame)
    return undefined
  }
  // Made only here: an error looks through the stack, and nearly every stream ends well.
  const cause = error ?? brokenOff('the stream ended before the model had finished')
  response.end(missing + form.errorFrame(cause, lastSent) + endFrame)
  return cause
}

function beat({ response, progress, events, hold }: WriterState): void {
  const isBetween = hold.isHolding() || events.isBetweenEvents()
  if (isBetween && progress?.isEnded() !== true && !response.writableNeedDrain) {
    response.write(HEARTBEAT)
  }
}

const brokenOff = (reason: string): KeystowError =>
  new KeystowError('upstreamUnavailable', { cause: new Error(reason) })
