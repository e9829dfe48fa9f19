import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

import type { KeystowError } from '../errors.ts'
import type { AnsweredHead } from '../usage/meter.ts'
import type { FrameFilter } from '../usage/usage-frame.ts'
import type { AnswerClocks } from './answer.ts'
import type { BulkTurns } from './bulk-turns.ts'
import type { RawHeaders } from './connection-tokens.ts'
import type { EgressScanner } from './egress-scan.ts'
import type { UpstreamHead } from './response-headers.ts'
import type { StreamForm } from './stream-form.ts'
import type { UpstreamClient } from './upstream-client.ts'
import type { UpstreamPlaces } from './upstream-places.ts'

/** What is asked for, however often it is. */
export interface Asked {
  readonly origin: string
  /** Path and query. */
  readonly path: string
  readonly method: string
}

/** A request as it goes to the upstream. */
export interface OutboundRequest extends Asked {
  /** Name, value, name, value; the credential included. */
  readonly headers: string[]
  readonly body: Buffer | Readable | null
}

/** Milliseconds; none of them is a total. */
export interface ExchangeClocks extends AnswerClocks {
  /** How long the upstream may take to begin its answer. */
  readonly firstByteMs: number
}

/** How an exchange ended: `aborted` is an upstream that broke off, `cancelled` a client that left. */
export type ExchangeEnding = 'completed' | 'aborted' | 'cancelled'

/** How it ended, and what had come of it. */
export interface ExchangeEnd {
  readonly ending: ExchangeEnding
  /** Of body, from the upstream. */
  readonly bytes: number
  readonly error?: KeystowError
}

/** Who has a request sent, and is told how it goes. The same functions for all owners: an exchange makes none. */
export interface ExchangeListener<Owner> {
  /** The request goes out on a connection. */
  onSent(owner: Owner): void
  /** The upstream has answered, and nothing has been sent to the client: returns what to send in place, if anything. */
  onAnswer(owner: Owner, status: number, rawHeaders: RawHeaders): OutboundRequest | undefined
  /** No answer will come: returns what to send in place, if anything. */
  onUnanswered(owner: Owner, error: unknown): OutboundRequest | undefined
  /** The answer begins: returns what takes bytes out of it, if anything does. */
  onBegin(owner: Owner, head: AnsweredHead): FrameFilter | undefined
  /** The head goes out: returns Keystow's own headers for the answer, name, value, name, value. */
  onHead(owner: Owner, head: UpstreamHead): readonly string[]
  /** The upstream's first byte of body, or its end when there is none. */
  onFirstByte(owner: Owner): void
  /** The next bytes of body that may pass, decoded. */
  onBytes(owner: Owner, bytes: Buffer): void
  /** The upstream answered with this many of its credentials, in the head or the body; none of them passed. */
  onLeak(owner: Owner, count: number): void
  /** No answer came; nothing has been sent to the client. Not called for a client that left. */
  onRefused(owner: Owner, error: KeystowError): void
  /** The answer is over. Called once, after `onHead`, or for a client that left. */
  onEnded(owner: Owner, end: ExchangeEnd): void
}

export interface ExchangeOptions<Owner> {
  readonly owner: Owner
  readonly listener: ExchangeListener<Owner>
  readonly dispatcher: UpstreamClient
  readonly places: UpstreamPlaces
  readonly bulk: BulkTurns
  readonly asked: Asked
  readonly response: ServerResponse
  readonly clocks: ExchangeClocks
  readonly scanner: EgressScanner
  /** An answer with more headers is refused. */
  readonly headerCountLimit: number
  /** How the path's event streams end, where that is known. */
  readonly streamForm: StreamForm | undefined
  /** Asked after every event of a stream that passed whether the next one may; absent when all may. */
  readonly mayGoOn: (() => boolean) | undefined
}
