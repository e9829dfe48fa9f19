import type { ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

import type { KeystowError } from '../errors.ts'
import type { AnswerClocks } from './answer.ts'
import type { AnswerTap } from './answer-tap.ts'
import type { BulkTurns } from './bulk-turns.ts'
import type { RawHeaders } from './connection-tokens.ts'
import type { EgressScanner } from './egress-scan.ts'
import type { UpstreamHead } from './response-headers.ts'
import type { StreamForm } from './stream-form.ts'
import type { UpstreamClient } from './upstream-client.ts'
import type { UpstreamPlaces } from './upstream-places.ts'

/** A request as it goes to the upstream. */
export interface OutboundRequest {
  readonly origin: string
  /** Path and query. */
  readonly path: string
  readonly method: string
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

export interface ExchangeOptions {
  readonly dispatcher: UpstreamClient
  readonly places: UpstreamPlaces
  readonly bulk: BulkTurns
  readonly request: OutboundRequest
  readonly response: ServerResponse
  readonly clocks: ExchangeClocks
  readonly scanner: EgressScanner
  readonly tap: AnswerTap
  /** An answer with more headers is refused. */
  readonly headerCountLimit: number
  /** How the path's event streams end, where that is known. */
  readonly streamForm: StreamForm | undefined
  /** The upstream has answered, and nothing has been sent to the client: returns what to send in place, if anything. */
  onAnswer(status: number, rawHeaders: RawHeaders): OutboundRequest | undefined
  /** No answer will come: returns what to send in place, if anything. */
  onUnanswered(error: unknown): OutboundRequest | undefined
  /** The upstream has answered: returns Keystow's own headers for the answer, name, value, name, value. */
  onHead(head: UpstreamHead): readonly string[]
  /** The upstream answered with this many of its credentials, in the head or the body; none of them passed. */
  onLeak(count: number): void
  /** The upstream's first byte of body, or its end when there is none. */
  onFirstByte(): void
  /** No answer came; nothing has been sent to the client. Not called for a client that left. */
  onRefused(error: KeystowError): void
  /** The answer is over; `bytes` of body came from the upstream. Called once, after `onHead`, or for a client that left. */
  onEnded(ending: ExchangeEnding, bytes: number, error?: KeystowError): void
}
