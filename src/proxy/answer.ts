import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import { type AnswerWriter, createOpaqueWriter } from './answer-writer.ts'
import { type BodyDecoder, createBodyDecoder } from './body-decoder.ts'
import type { BodyScan, EgressScanner } from './egress-scan.ts'
import { createEventGate, type EventGate } from './event-gate.ts'
import { createEventStreamWriter } from './event-stream-writer.ts'
import { type SilenceWatcher, startSilenceClock, stopClock, touchClock } from './silence-clock.ts'
import type { StreamForm } from './stream-form.ts'
import { toUpstreamError } from './upstream-error.ts'
import type { StreamFilter } from '../usage/usage-frame.ts'

/** An upstream's body on its way to the client: decoded where it was compressed, scanned, written. */
export interface Answer {
  /** Takes the next bytes; false asks for a pause until `onReady`. */
  write(chunk: Buffer): boolean
  /** The upstream ended properly; `onEnd` follows when everything has been written. */
  end(): void
  /** The upstream broke off: tells the client so in the way that its answer allows. */
  fail(error: KeystowError): void
  /** The client has read what was written. */
  drained(): void
  /** What was held back may go on. */
  resume(): void
  /** Nothing more is to be done, whatever still comes. */
  stop(): void
  /** How many credentials were replaced. */
  leaks(): number
}

export interface AnswerClocks {
  /** Milliseconds that an answer which has begun may be silent. */
  readonly idleMs: number
  /** Milliseconds of silence in an event stream before a sign of life; 0 is never. */
  readonly heartbeatMs: number
}

interface AnswerOptions {
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
  /** Sees every byte that may pass, before the filter. */
  readonly tap: (bytes: Buffer) => void
  /** Takes out what was asked for by Keystow alone. */
  readonly filter: StreamFilter | undefined
  /** Of an event stream: whether the next event may pass; absent when all may. */
  readonly mayGoOn: (() => boolean) | undefined
  readonly clocks: AnswerClocks
  /** The head must go out now: the body follows, or what is needed to tell that it can. */
  onStart(): void
  /** The upstream may go on after a pause. */
  readonly onReady: () => void
  /** Everything was written; the answer was whole, or was ended with this error. */
  onEnd(error: KeystowError | undefined): void
  /** The answer cannot go on: it fell silent, or it cannot be decoded. */
  onBroken(error: KeystowError): void
}

interface AnswerState {
  readonly options: AnswerOptions
  readonly writer: AnswerWriter
  readonly scan: BodyScan
  gate: EventGate | undefined
  decoder: BodyDecoder | undefined
  isStopped: boolean
}

export function startAnswer(options: AnswerOptions): Answer {
  const { response, isEventStream, clocks, mayGoOn } = options
  const writer = createWriter(options)
  const answer: AnswerState = {
    options,
    writer,
    scan: options.scanner.startBody({ isFixedLength: options.isFixedLength }),
    gate: undefined,
    decoder: undefined,
    isStopped: false,
  }
  if (mayGoOn !== undefined) {
    answer.gate = createEventGate({
      pass: (bytes) => pass(answer, bytes),
      mayGoOn: () => writer.isFinished() || mayGoOn(),
    })
  }
  if (options.encodings.length > 0) answer.decoder = createDecoder(answer)
  const silence = startSilenceClock({
    owner: answer,
    watcher: SILENCE,
    beatMs: isEventStream ? clocks.heartbeatMs : 0,
    idleMs: clocks.idleMs,
  })

  // A body that cannot be decoded is found out before the head is sent.
  if (options.isBodiless) start(answer)
  else if (answer.decoder === undefined) startAfterTurn(answer)

  return {
    write(chunk) {
      touchClock(silence)
      if (answer.decoder !== undefined) return answer.decoder.write(chunk)
      start(answer)
      return deliver(answer, chunk)
    },
    end() {
      if (answer.decoder !== undefined) return answer.decoder.end()
      start(answer)
      end(answer)
    },
    drained() {
      touchClock(silence)
      if (answer.gate?.isHeld() !== true) goOn(answer)
    },
    resume() {
      touchClock(silence)
      attempt(answer, () => answer.gate?.resume())
      if (answer.gate?.isHeld() !== true && !response.writableNeedDrain) goOn(answer)
    },
    fail: (error) => writer.fail(error),
    stop() {
      answer.isStopped = true
      stopClock(silence)
      answer.decoder?.stop()
    },
    leaks: () => answer.scan.hits(),
  }
}

const SILENCE: SilenceWatcher<AnswerState> = {
  isPaused: ({ options, gate }) => options.response.writableNeedDrain || gate?.isHeld() === true,
  isHolding: ({ writer }) => writer.isHolding(),
  onBeat(answer) {
    attempt(answer, () => answer.options.response.headersSent && answer.writer.beat())
  },
  onIdle: ({ options }) => options.onBroken(new KeystowError('upstreamTimeout')),
}

/** For what a timer or a decoder calls: what nobody catches there would be the process's end, not this answer's. */
function attempt({ options }: AnswerState, run: () => unknown): void {
  try {
    run()
  } catch (cause) {
    options.onBroken(toUpstreamError(cause))
  }
}

function deliver(answer: AnswerState, chunk: Buffer): boolean {
  const bytes = answer.scan.write(chunk)
  return answer.gate === undefined ? pass(answer, bytes) : answer.gate.write(bytes)
}

function pass({ options, writer }: AnswerState, bytes: Buffer): boolean {
  if (bytes.length === 0) return true
  options.tap(bytes)
  const passing = options.filter === undefined ? bytes : options.filter.write(bytes)
  return passing.length === 0 || writer.write(passing)
}

function end(answer: AnswerState): void {
  const last = answer.scan.end()
  if (answer.gate === undefined) {
    pass(answer, last)
    finish(answer)
  } else {
    answer.gate.write(last)
    answer.gate.end(() => finish(answer))
  }
}

function finish({ options, writer }: AnswerState): void {
  const held = options.filter?.end()
  if (held !== undefined && held.length > 0) writer.write(held)
  options.onEnd(writer.end())
}

function start({ options }: AnswerState): void {
  if (!options.response.headersSent) options.onStart()
}

function goOn({ options, decoder }: AnswerState): void {
  if (decoder === undefined) options.onReady()
  else decoder.resume()
}

function createDecoder(answer: AnswerState): BodyDecoder {
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
    onDrain: options.onReady,
    onError: (cause) => options.onBroken(new KeystowError('upstreamUnavailable', { cause })),
  })
}

/**
 * Behind what came with the head, and behind the end of a connection whose bytes were none: sockets close at the end of
 * a turn of the loop, later than `setImmediate`.
 */
function startAfterTurn(answer: AnswerState): void {
  const isNeeded = (): boolean => !answer.isStopped && !answer.options.response.headersSent
  queueMicrotask(() => {
    if (!isNeeded()) return
    setImmediate(() => setImmediate(() => isNeeded() && attempt(answer, () => start(answer))))
  })
}

function createWriter({ response, isEventStream, streamForm }: AnswerOptions): AnswerWriter {
  return isEventStream
    ? createEventStreamWriter(response, streamForm)
    : createOpaqueWriter(response)
}
