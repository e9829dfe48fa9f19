import type { ServerResponse } from 'node:http'

import { KeystowError } from '../errors.ts'
import { type AnswerWriter, createOpaqueWriter } from './answer-writer.ts'
import { type BodyDecoder, createBodyDecoder } from './body-decoder.ts'
import type { EgressScanner } from './egress-scan.ts'
import { createEventGate } from './event-gate.ts'
import { createEventStreamWriter } from './event-stream-writer.ts'
import { startSilenceClock } from './silence-clock.ts'
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

export function startAnswer(options: AnswerOptions): Answer {
  const { response, isEventStream, clocks, encodings } = options
  const writer = createWriter(options)
  const scan = options.scanner.startBody({ isFixedLength: options.isFixedLength })
  let isStopped = false
  const { mayGoOn } = options
  const gate = mayGoOn && createEventGate({ pass, mayGoOn: () => writer.isFinished() || mayGoOn() })
  const silence = startSilenceClock({
    beatMs: isEventStream ? clocks.heartbeatMs : 0,
    idleMs: clocks.idleMs,
    isPaused: () => response.writableNeedDrain || gate?.isHeld() === true,
    isHolding: () => writer.isHolding(),
    onBeat: () => attempt(() => response.headersSent && writer.beat()),
    onIdle: () => options.onBroken(new KeystowError('upstreamTimeout')),
  })

  /** For what a timer or a decoder calls: what nobody catches there would be the process's end, not this answer's. */
  function attempt(run: () => unknown): void {
    try {
      run()
    } catch (cause) {
      options.onBroken(toUpstreamError(cause))
    }
  }

  function deliver(chunk: Buffer): boolean {
    const bytes = scan.write(chunk)
    return gate === undefined ? pass(bytes) : gate.write(bytes)
  }

  function pass(bytes: Buffer): boolean {
    if (bytes.length === 0) return true
    options.tap(bytes)
    const passing = options.filter === undefined ? bytes : options.filter.write(bytes)
    return passing.length === 0 || writer.write(passing)
  }

  function end(): void {
    const last = scan.end()
    if (gate === undefined) {
      pass(last)
      finish()
    } else {
      gate.write(last)
      gate.end(finish)
    }
  }

  function finish(): void {
    const held = options.filter?.end()
    if (held !== undefined && held.length > 0) writer.write(held)
    options.onEnd(writer.end())
  }

  function start(): void {
    if (!response.headersSent) options.onStart()
  }

  const decoder: BodyDecoder | undefined =
    encodings.length === 0
      ? undefined
      : createBodyDecoder(encodings, {
          onData(chunk) {
            let isOpen = true
            attempt(() => {
              start()
              isOpen = deliver(chunk)
            })
            return isOpen
          },
          onEnd() {
            attempt(() => {
              start()
              end()
            })
          },
          onDrain: options.onReady,
          onError: (cause) => options.onBroken(new KeystowError('upstreamUnavailable', { cause })),
        })

  function goOn(): void {
    if (decoder === undefined) options.onReady()
    else decoder.resume()
  }

  // A body that cannot be decoded is found out before the head is sent.
  if (options.isBodiless) start()
  else if (decoder === undefined) {
    afterTurn({ isNeeded: () => !isStopped && !response.headersSent, run: () => attempt(start) })
  }

  return {
    write(chunk) {
      silence.touch()
      if (decoder !== undefined) return decoder.write(chunk)
      start()
      return deliver(chunk)
    },
    end() {
      if (decoder !== undefined) return decoder.end()
      start()
      end()
    },
    drained() {
      silence.touch()
      if (gate?.isHeld() !== true) goOn()
    },
    resume() {
      silence.touch()
      attempt(() => gate?.resume())
      if (gate?.isHeld() !== true && !response.writableNeedDrain) goOn()
    },
    fail: (error) => writer.fail(error),
    stop() {
      isStopped = true
      silence.stop()
      decoder?.stop()
    },
    leaks: () => scan.hits(),
  }
}

/**
 * Behind what came with the head, and behind the end of a connection whose bytes were none: sockets close at the end of
 * a turn of the loop, later than `setImmediate`.
 */
function afterTurn({ isNeeded, run }: { isNeeded: () => boolean; run: () => void }): void {
  queueMicrotask(() => {
    if (isNeeded()) setImmediate(() => setImmediate(() => isNeeded() && run()))
  })
}

function createWriter({ response, isEventStream, streamForm }: AnswerOptions): AnswerWriter {
  return isEventStream
    ? createEventStreamWriter(response, streamForm)
    : createOpaqueWriter(response)
}
