import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import type { AnswerWriter } from './answer-writer.ts'
import { breakOff } from './break-off.ts'
import { type ChunkWriter, createChunkWriter, writeChunk } from './chunk-writer.ts'
import { createEventHold, type EventHold, holdBack, isHolding } from './event-hold.ts'
import { createEventReader, endEvents, type EventReader, readEvents } from './event-reader.ts'
import type { StreamForm } from './stream-form.ts'
import {
  createStreamProgress,
  isEnded,
  isFinished,
  isKnown,
  readProgress,
  type StreamProgress,
} from './stream-progress.ts'
import { incompleteUtf8Bytes } from './utf8-tail.ts'

/** A comment (WHATWG HTML, section 9.2.6): every client skips it, and every proxy on the way sees a byte. */
const HEARTBEAT = ': keep-alive\n\n'

const NO_BYTES = Buffer.alloc(0)

interface EventStreamWriter extends AnswerWriter {
  readonly response: ServerResponse
  readonly form: StreamForm | undefined
  readonly progress: StreamProgress | undefined
  /** The same, or what reads a form that is not known. */
  readonly events: EventReader
  readonly hold: EventHold
  readonly chunks: ChunkWriter
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
  const writer: EventStreamWriter = {
    response,
    form,
    progress,
    events: progress ?? createEventReader(),
    hold: createEventHold(),
    chunks: createChunkWriter(response),
    cut: undefined,
    isHeadOut: false,
    lastSent: NO_BYTES,
    ...METHODS,
  }
  return writer
}

/** The same for every stream: thousands are open, and each would keep its own. */
const METHODS = {
  write(this: EventStreamWriter, chunk: Buffer): boolean {
    return write(this, chunk)
  },
  isRepeat(this: EventStreamWriter, chunk: Buffer): boolean {
    return this.cut === undefined && this.progress !== undefined && isKnown(this.progress, chunk)
  },
  repeat(this: EventStreamWriter, chunk: Buffer): boolean {
    return send(this, chunk)
  },
  isFinished(this: EventStreamWriter): boolean {
    return hasFinished(this)
  },
  fail(this: EventStreamWriter, error: KeystowError): void {
    if (this.form === undefined) breakOff(this.response)
    else conclude(this, this.form, error)
  },
  end(this: EventStreamWriter): KeystowError | undefined {
    return end(this)
  },
  beat(this: EventStreamWriter): void {
    if (isRoom(this)) this.response.write(HEARTBEAT)
  },
  isHolding(this: EventStreamWriter): boolean {
    return isHolding(this.hold)
  },
}

function write(writer: EventStreamWriter, chunk: Buffer): boolean {
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

function forward(writer: EventStreamWriter, bytes: Buffer): boolean {
  const ready = read(writer, bytes)
  return ready.length === 0 ? waitForRest(writer) : send(writer, ready)
}

/** Returns what may pass. */
function read({ progress, events, hold }: EventStreamWriter, bytes: Buffer): Buffer {
  if (progress === undefined) {
    readEvents(events, bytes)
    return bytes
  }
  readProgress(progress, bytes)
  return holdBack(hold, bytes, progress.openBytes)
}

function send(writer: EventStreamWriter, ready: Buffer): boolean {
  writer.isHeadOut = true
  if (writer.form?.isNumbered === true) writer.lastSent = ready
  return writeChunk(writer.chunks, ready)
}

/** The head does not wait for it. */
function waitForRest(writer: EventStreamWriter): true {
  if (!writer.isHeadOut) writer.response.flushHeaders()
  writer.isHeadOut = true
  return true
}

const hasFinished = ({ progress }: EventStreamWriter): boolean =>
  progress !== undefined && (isEnded(progress) || isFinished(progress))

const hasEnded = ({ progress }: EventStreamWriter): boolean =>
  progress !== undefined && isEnded(progress)

/** Ends what is still open; returns what that takes. */
function close({ events, hold }: EventStreamWriter): string {
  // An event that is held is one that is cut, and nothing of it has passed.
  return isHolding(hold) ? '' : endEvents(events)
}

function end(writer: EventStreamWriter): KeystowError | undefined {
  const { form, response, cut } = writer
  if (cut !== undefined) forward(writer, cut)
  if (form !== undefined) return conclude(writer, form)
  response.end()
  return undefined
}

/** Ends the stream as its form asks for; returns why it is not whole. Without an error it has come to its end. */
function conclude(writer: EventStreamWriter, form: StreamForm, error?: KeystowError) {
  const { response, progress, lastSent } = writer
  const missing = close(writer)
  const endFrame = hasEnded(writer) ? '' : form.endFrame
  if (progress?.isErrorTold === true) {
    response.end(missing + endFrame)
    return brokenOff('the upstream told an error in its stream')
  }
  if (hasFinished(writer)) {
    response.end(missing + endFrame)
    return undefined
  }
  // Made only here: an error looks through the stack, and nearly every stream ends well.
  const cause = error ?? brokenOff('the stream ended before the model had finished')
  response.end(missing + form.errorFrame(cause, lastSent) + endFrame)
  return cause
}

/** Whether a sign of life can stand here. */
function isRoom(writer: EventStreamWriter): boolean {
  const { response, events, hold } = writer
  const isBetween = isHolding(hold) || !events.isInEvent
  return isBetween && !hasEnded(writer) && !response.writableNeedDrain
}

const brokenOff = (reason: string): KeystowError =>
  new KeystowError('upstreamUnavailable', { cause: new Error(reason) })
