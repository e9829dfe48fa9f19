import type { IncomingHttpHeaders } from 'node:http'

import type { Client } from './clients/client.ts'
import { presentedTokens } from './clients/presented-token.ts'
import type { ProcessTotal } from './limits/process-total.ts'
import type { MediaType } from './policy/parameters.ts'
import type { Policy } from './policy/policy.ts'
import type { Target } from './policy/request-target.ts'
import type { ExchangeEnding } from './proxy/exchange-options.ts'
import type { BodyReading } from './proxy/request-body.ts'
import type { Slot } from './stores/limit-store.ts'

/** nginx's number for a client that left before its answer was complete; it is written down and never sent. */
export const CLIENT_LEFT_STATUS = 499

/** What is known of one request while it lives; the log line and the metrics are made from it at its end. */
export interface RequestRecord {
  readonly id: string
  /** `performance.now()` when its head had been read. */
  readonly startedAt: number
  /** The settings as they were when it began: a reload changes nothing for what runs. */
  readonly policy: Policy
  /** Undefined when no path could be read from the request line. */
  readonly target: Target | undefined
  client?: Client
  /** What it presents as tokens, valid or not, once somebody has looked for them. */
  presented?: readonly string[]
  /** Of its body, where it has one that says what it is. */
  bodyType?: MediaType
  /** Of its body, where it is read before it is known whether it is wanted. */
  reading?: BodyReading | undefined
  /** As the client named it. */
  model?: string
  isStream?: boolean
  /** Its place among its client's requests in flight. */
  slot?: Slot
  /** All requests in flight, for as long as it is one of them. */
  countedIn?: ProcessTotal | undefined
  firstByteAt?: number
  upstreamRequestId?: string
  /** The fingerprint of the credential it went out with last, where there is more than one. */
  credential?: string
  /** Bytes of body that came from the upstream. */
  bytes: number
  ending?: ExchangeEnding
  /** What went wrong, if anything did. */
  error?: Error
}

/** What a request presents as tokens, looked for once. */
export const presentedBy = (
  record: RequestRecord,
  headers: IncomingHttpHeaders,
): readonly string[] => (record.presented ??= presentedTokens(headers))

/** It is over, and makes room for others; once is enough. */
export function leaveInFlight(record: RequestRecord): void {
  record.slot?.release()
  record.countedIn?.giveBack(1)
  record.countedIn = undefined
}
