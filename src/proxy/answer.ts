import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import { type AnswerWriter, createOpaqueWriter } from './answer-writer.ts'
import { type BodyDecoder, createBodyDecoder } from './body-decoder.ts'
import { type BodyScan, type EgressScanner, endScan, scanBytes } from './egress-scan.ts'
import { createEventGate, type EventGate } from './event-gate.ts'
import { createEventStreamWriter } from './event-stream-writer.ts'
import {
  type SilenceClock,
  type SilenceWatcher,
  startSilenceClock,
  stopClock,
  touchClock,
} from './silence-clock.ts'
import type { StreamForm } from './stream-form.ts'
import { toUpstreamError } from './upstream-error.ts'
import { endFrames, filterFrames, type FrameFilter } from '../usage/usage-frame.ts'

/** Who sends an answer on, and is told how it goes. The same functions for all owners of a kind: an answer makes none. */
export interface AnswerListener<Owner> {
  /** The head must go out now: the body follows, or what is needed to tell that it can. */
  onStart(owner: Owner): void
  /** Sees every byte that may pass, before the filter. */
  onBytes(owner: Owner, bytes: Buffer): void
  /** The upstream may go on after a pause. */
  onReady(owner: Owner): void
  /** Everything was written; the answer was whole, or was ended with this error. */
  onEnd(owner: Owner, error: KeystowError | undefined): void
  /** The answer cannot go on: it fell silent, or it cannot be decoded. */
  onBroken(owner: Owner, error: KeystowError): void
}

export interface AnswerClocks {
  /** Milliseconds that an answer which has begun may be silent. */
  readonly idleMs: number
  /** Milliseconds of silence in an event stream before a sign of life; 0 is never. */
  readonly heartbeatMs: number
}

interface AnswerOptions<Owner> {
  readonly owner: Owner
  readonly listener: AnswerListener<Owner>
  readonly response: ServerResponse
  readonly isEventStream: boolean
  /** The answer ends with its head, whatever that says of a body. */
  readonly isBodiless: boolean
  /** How its family's event streams end, where that is known. */
  readonly streamForm: StreamForm | undefined
  /** The compressions to undo, outermost last. */
  readonly encodings: readonly string[]
  /** The body has a declared length, so that a replacement must be as long as what it replaces. */
  readonly isFixedLength: boolean
  readonly scanner: EgressScanner
  /** Takes out what was asked for by Keystow alone. */
  readonly filter: FrameFilter | undefined
  /** Of an event stream: whether the next event may pass; absent when all may. */
  readonly mayGoOn: (() => boolean) | undefined
  readonly clocks: AnswerClocks
}

/** An upstream's body on its way to the client: decoded where it was compressed, scanned, written. */
export interface Answer<Owner> {
  readonly options: AnswerOptions<Owner>
  readonly writer: AnswerWriter
  readonly scan: BodyScan
  gate: EventGate | undefined
  decoder: BodyDecoder | undefined
  silence: SilenceClock<Answer<Owner>> | undefined
  isStopped: boolean
}

export function startAnswer<Owner>(options: AnswerOptions<Owner>): Answer<Owner> {
  const { isEventStream, clocks, mayGoOn } = options
  const writer = createWriter(options)
  const answer: Answer<Owner> = {
    options,
    writer,
    scan: options.scanner.startBody({ isFixedLength: options.isFixedLength }),
    gate: undefined,
    decoder: undefined,
    silence: undefined,
    isStopped: false,
  }
  if (mayGoOn !== undefined) {
    answer.gate = createEventGate({
      pass: (bytes) => pass(answer, bytes),
      mayGoOn: () => writer.isFinished() || mayGoOn(),
    })
  }
  if (options.encodings.length > 0) answer.decoder = createDecoder(answer)
  answer.silence = startSilenceClock<Answer<Owner>>({
    owner: answer,
    watcher: SILENCE,
    beatMs: isEventStream ? clocks.heartbeatMs : 0,
    idleMs: clocks.idleMs,
  })

  // A body that cannot be decoded is found out before the head is sent.
  if (options.isBodiless) start(answer)
  else if (answer.decoder === undefined) startAfterTurn(answer)
  return answer
}

/** Takes the next bytes; false asks for a pause until `onReady`. */
export function writeAnswer<Owner>(answer: Answer<Owner>, chunk: Buffer): boolean {
  touch(answer)
  if (answer.decoder !== undefined) return answer.decoder.write(chunk)
  start(answer)
  return deliver(answer, chunk)
}

/** The upstream ended properly; `onEnd` follows when everything has been written. */
export function endAnswer<Owner>(answer: Answer<Owner>): void {
  if (answer.decoder !== undefined) return answer.decoder.end()
  start(answer)
  end(answer)
}

/** The client has read what was written. */
export function noteDrain<Owner>(answer: Answer<Owner>): void {
  touch(answer)
  if (answer.gate?.isHeld() !== true) goOn(answer)
}

/** What was held back may go on. */
export function resumeAnswer<Owner>(answer: Answer<Owner>): void {
  touch(answer)
  attempt(answer, () => answer.gate?.resume())
  if (answer.gate?.isHeld() !== true && !answer.options.response.writableNeedDrain) goOn(answer)
}

/** Nothing more is to be done, whatever still comes. */
export function stopAnswer<Owner>(answer: Answer<Owner>): void {
  answer.isStopped = true
  if (answer.silence !== undefined) stopClock(answer.silence)
  answer.decoder?.stop()
}

function touch<Owner>({ silence }: Answer<Owner>): void {
  if (silence !== undefined) touchClock(silence)
}

const SILENCE: SilenceWatcher<Answer<unknown>> = {
  isPaused: ({ options, gate }) => options.response.writableNeedDrain || gate?.isHeld() === true,
  isHolding: ({ writer }) => writer.isHolding(),
  onBeat(answer) {
    attempt(answer, () => answer.options.response.headersSent && answer.writer.beat())
  },
  onIdle: ({ options }) =>
    options.listener.onBroken(options.owner, new KeystowError('upstreamTimeout')),
}

/** For what a timer or a decoder calls: what nobody catches there would be the process's end, not this answer's. */
function attempt<Owner>({ options }: Answer<Owner>, run: () => unknown): void {
  try {
    run()
  } catch (cause) {
    options.listener.onBroken(options.owner, toUpstreamError(cause))
  }
}

function deliver<Owner>(answer: Answer<Owner>, chunk: Buffer): boolean {
  const bytes = scanBytes(answer.scan, chunk)
  return answer.gate === undefined ? pass(answer, bytes) : answer.gate.write(bytes)
}

function pass<Owner>({ options, writer }: Answer<Owner>, bytes: Buffer): boolean {
  if (bytes.length === 0) return true
  options.listener.onBytes(options.owner, bytes)
  // Nearly every event is known by one look, and what reads them for an end or a usage has nothing to find in it.
  const isRepeat = writer.isRepeat(bytes)
  const passing =
    options.filter === undefined ? bytes : filterFrames(options.filter, bytes, isRepeat)
  if (isRepeat && passing === bytes) return writer.repeat(bytes)
  return passing.length === 0 || writer.write(passing)
}

function end<Owner>(answer: Answer<Owner>): void {
  const last = endScan(answer.scan)
  if (answer.gate === undefined) {
    pass(answer, last)
    finish(answer)
  } else {
    answer.gate.write(last)
    answer.gate.end(() => finish(answer))
  }
}

function finish<Owner>({ options, writer }: Answer<Owner>): void {
  const held = options.filter && endFrames(options.filter)
  if (held !== undefined && held.length > 0) writer.write(held)
  options.listener.onEnd(options.owner, writer.end())
}

function start<Owner>({ options }: Answer<Owner>): void {
  if (!options.response.headersSent) options.listener.onStart(options.owner)
}

function goOn<Owner>({ options, decoder }: Answer<Owner>): void {
  if (decoder === undefined) options.listener.onReady(options.owner)
  else decoder.resume()
}

function createDecoder<Owner>(answer: Answer<Owner>): BodyDecoder {
  const { options } = answer
  return createBodyDecoder(options.encodings, {
    onData(chunk) {
      let isOpen = true
      attempt(answer, () => {
        start(answer)
        isOpen = deliver(answer, chunk)
      })
      return isOpen
    },
    onEnd() {
      attempt(answer, () => {
        start(answer)
        end(answer)
      })
    },
    onDrain: () => options.listener.onReady(options.owner),
    onError: (cause) =>
      options.listener.onBroken(options.owner, new KeystowError('upstreamUnavailable', { cause })),
  })
}

/**
 * Behind what came with the head, and behind the end of a connection whose bytes were none: sockets close at the end of
 * a turn of the loop, later than `setImmediate`.
 */
function startAfterTurn<Owner>(answer: Answer<Owner>): void {
  const isNeeded = (): boolean => !answer.isStopped && !answer.options.response.headersSent
  queueMicrotask(() => {
    if (!isNeeded()) return
    setImmediate(() => setImmediate(() => isNeeded() && attempt(answer, () => start(answer))))
  })
}

function createWriter<Owner>({
  response,
  isEventStream,
  streamForm,
}: AnswerOptions<Owner>): AnswerWriter {
  return isEventStream
    ? createEventStreamWriter(response, streamForm)
    : createOpaqueWriter(response)
}
