import type { Calendar, Period } from './calendar.ts'
import type { Currency } from './ledger-entry.ts'
import type { Usage } from './usage.ts'

export type BudgetScope = 'client' | 'instance'
export type BudgetPeriod = 'day' | 'month'

/** What may be spent, or how often may be asked, in each period of a calendar. */
export interface BudgetCap {
  readonly scope: BudgetScope
  readonly period: BudgetPeriod
  readonly unit: 'money' | 'requests'
  /** Millionths of the currency, or a count. */
  readonly cap: number
}

/** Whether what a request costs is of any matter to them. */
export const isInMoney = (caps: readonly Pick<BudgetCap, 'unit'>[]): boolean =>
  caps.some(({ unit }) => unit === 'money')

/** What a request has used so far as far as anybody can tell. */
export interface Estimate extends Usage {
  /** Undefined when the model has no price. */
  readonly costMicros: number | undefined
}

/** Grows with whatever is used, and changes in no other way. */
export function progressOf(estimate: Estimate): number {
  const { costMicros = 0, inputTokens, outputTokens, images, characters, audioMs } = estimate
  return costMicros + inputTokens + outputTokens + images + characters + audioMs
}

/** What is known of a request before its call, and set aside for it. */
export interface Reservation {
  /** The request's id; also its entry's. */
  readonly id: string
  /** When it began, in milliseconds since 1970. It is charged to the day and the month of this moment. */
  readonly at: number
  readonly clientId: string
  readonly model: string
  readonly path: string
  readonly currency: Currency
  /** Of its client and of the whole instance. */
  readonly caps: readonly BudgetCap[]
  /** The call is refused when less than this is left. */
  readonly minimumMicros: number
  /** Granted as far as it takes no more than its share of what is left. */
  readonly wantedMicros: number
  /** What it has used by now. Asked from time to time: the answer is charged if the process dies. */
  estimate(): Estimate
}

/** A budget that is spent. */
export interface BudgetRefusal {
  readonly scope: BudgetScope
  readonly period: BudgetPeriod
  readonly unit: 'money' | 'requests'
  /** When it begins anew, in milliseconds since 1970. */
  readonly resetAt: number
}

export type Opening =
  /** `Infinity` when no cap is in money. */
  | { readonly isGranted: true; readonly grantedMicros: number }
  | { readonly isGranted: false; readonly refusal: BudgetRefusal }

/** A cap in the period that a request falls into. */
export interface Limit extends BudgetCap {
  readonly counterKey: string
  readonly resetAt: number
}

/** Beyond its minimum a reservation takes no more than this part of what is left: nobody blocks everybody else. */
export const MAX_SHARE = 1 / 16

type Amounts = Pick<Reservation, 'minimumMicros' | 'wantedMicros'>

/** What must be left of a limit for a request to begin. What costs nothing also passes where money is spent. */
export function needOf({ unit }: Limit, { minimumMicros, wantedMicros }: Amounts): number {
  if (unit === 'requests') return 1
  return Math.max(minimumMicros, wantedMicros > 0 ? 1 : 0)
}

/** Of a budget that was passed by an event less than nothing is left, and what costs nothing needs none of it. */
export const isEnough = (left: number, need: number): boolean => need === 0 || left >= need

/** What of `left` is set aside for a request that begins. */
export const grantOf = (left: number, { minimumMicros, wantedMicros }: Amounts): number =>
  Math.max(minimumMicros, Math.min(wantedMicros, Math.floor(left * MAX_SHARE)))

/** Lists the counters that a request's caps are kept under; what is reset last stands first. */
export type ListLimits = (
  reservation: Pick<Reservation, 'at' | 'clientId' | 'currency' | 'caps'>,
) => readonly Limit[]

/** Clients that share a list of caps and are kept in mind at once: with `OPEN_ACCESS` every address is one. */
const MAX_CLIENTS = 1000

/** The caps of a client are the same with every request, and so are its limits until midnight. */
export function createLimitLister(calendar: Calendar): ListLimits {
  const known = new WeakMap<readonly BudgetCap[], Map<string, LimitList>>()
  return ({ at, clientId, currency, caps }) => {
    const [day, month] = [calendar.day(at), calendar.month(at)]
    const clients = known.get(caps) ?? new Map<string, LimitList>()
    const found = clients.get(clientId)
    const isSame = found?.day === day && found.month === month && found.currency === currency
    if (isSame) return found.limits
    const limits = caps
      .map((cap): Limit => {
        const { key, endsAt } = cap.period === 'day' ? day : month
        const unit = cap.unit === 'money' ? currency : 'requests'
        const scope = cap.scope === 'client' ? clientScope(clientId) : INSTANCE_SCOPE
        return { ...cap, counterKey: counterKey(unit, key, scope), resetAt: endsAt }
      })
      .toSorted((a, b) => b.resetAt - a.resetAt)
    if (clients.size >= MAX_CLIENTS) clients.clear()
    clients.set(clientId, { day, month, currency, limits })
    known.set(caps, clients)
    return limits
  }
}

interface LimitList {
  readonly day: Period
  readonly month: Period
  readonly currency: Currency
  readonly limits: readonly Limit[]
}

export const INSTANCE_SCOPE = 'instance'

export const clientScope = (clientId: string): string => `client:${clientId}`

/** The scope comes last: of the three it alone may hold a slash. */
export const counterKey = (unit: Currency | 'requests', periodKey: string, scope: string): string =>
  `${unit}/${periodKey}/${scope}`
