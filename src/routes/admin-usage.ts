import type { FastifyInstance, FastifyRequest } from 'fastify'

import { KeystowError } from '../errors.ts'
import { isPreferred } from '../http/accept.ts'
import type { LedgerStore } from '../stores/ledger-store.ts'
import { orUnavailable } from '../stores/unavailable.ts'
import { type Calendar, createCalendar } from '../usage/calendar.ts'
import { currentMonth, readDateRange } from '../usage/date-range.ts'
import { type Group, GROUPS, toCsv, usageReport } from '../usage/usage-report.ts'

const CSV_OVER_JSON = { type: 'text/csv', over: 'application/json' }

const PARAMETERS: ReadonlySet<string> = new Set(['from', 'to', 'groupBy'])

interface AdminUsageOptions {
  readonly ledger: Pick<LedgerStore, 'usage'>
  readonly timeZone: string
}

/** What was used, by client, model or day; as JSON, or as CSV for whoever would rather have that. */
export default async function adminUsage(
  app: FastifyInstance,
  { ledger, timeZone }: AdminUsageOptions,
): Promise<void> {
  const calendar = createCalendar(timeZone)
  app.get('/admin/usage', async (request, reply) => {
    const query = readQuery(request, calendar)
    const rows = await orUnavailable(ledger.usage(query))
    const data = usageReport(rows, query.groupBy)
    reply.headers({ 'cache-control': 'no-store', vary: 'accept' })
    if (!isPreferred(request.headers.accept ?? '', CSV_OVER_JSON)) return { data }
    reply.type('text/csv; charset=utf-8')
    return toCsv(data, query.groupBy)
  })
}

function readQuery(request: FastifyRequest, calendar: Calendar) {
  const query: Readonly<Record<string, unknown>> = Object.assign({}, request.query)
  const unknown = Object.keys(query).find((name) => !PARAMETERS.has(name))
  if (unknown !== undefined) {
    const message = `There is no parameter ${JSON.stringify(unknown.slice(0, 50))}. Those that there are: from, to, groupBy.`
    throw new KeystowError('badRequest', { message })
  }
  const names = { from: 'from', to: 'to' }
  const range = readDateRange(query, names, currentMonth(calendar, Date.now()))
  return { ...range, groupBy: readGroup(query['groupBy'] ?? 'day') }
}

function readGroup(value: unknown): Group {
  const found = GROUPS.find((group) => group === value)
  if (found !== undefined) return found
  const message = 'The parameter "groupBy" is none of client, model and day; write one of them.'
  throw new KeystowError('badRequest', { message, param: 'groupBy' })
}
