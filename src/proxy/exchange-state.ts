import type { Dispatcher } from 'undici'

import type { Answer } from './answer.ts'
import type { AnswerHead } from './answer-head.ts'
import type { ExchangeOptions } from './exchange-options.ts'
import type { Flow } from './flow.ts'
import { type RequestClock, stopRequestClock } from './request-clock.ts'
import type { UpstreamPlace } from './upstream-places.ts'

/** An exchange that runs, or has run. */
export interface Exchange<Owner> {
  readonly options: ExchangeOptions<Owner>
  readonly flow: Flow
  /** What passes of the answer's head, until it is sent. */
  head: AnswerHead | undefined
  answer: Answer<Exchange<Owner>> | undefined
  controller: Dispatcher.DispatchController | undefined
  clock: RequestClock | undefined
  place: UpstreamPlace | undefined
  /** The attempt that counts: nothing of an earlier one reaches the client. */
  attempt: number
  /** Of body that came from the upstream. */
  bytes: number
  isOver: boolean
  readonly onClientClose: () => void
  readonly onDrain: () => void
}

/** Whether nothing of this attempt counts any more. */
export const isStale = <Owner>(exchange: Exchange<Owner>, attempt: number): boolean =>
  exchange.isOver || attempt !== exchange.attempt

export function leavePlace<Owner>(exchange: Exchange<Owner>): void {
  if (exchange.place !== undefined) exchange.options.places.leave(exchange.place)
}

/** A clock that has stopped is not kept for as long as the answer takes. */
export function stopClock<Owner>(exchange: Exchange<Owner>): void {
  if (exchange.clock !== undefined) stopRequestClock(exchange.clock)
  exchange.clock = undefined
}
