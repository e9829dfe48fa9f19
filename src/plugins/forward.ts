import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

import { KeystowError } from '../errors.ts'
import { FORWARDED_METHODS } from '../policy/methods.ts'
import type { BodyMemory } from '../proxy/body-memory.ts'
import { startTurns } from '../proxy/credential-turns.ts'
import { endExchange, type Exchange, resumeExchange } from '../proxy/exchange.ts'
import type { OutboundRequest } from '../proxy/exchange-options.ts'
import { buildOutboundHeaders } from '../proxy/outbound-headers.ts'
import { type Bookkeeping, createBookkeeping } from '../usage/bookkeeping.ts'
import type { ServingLedger } from '../workers/ledger-calls.ts'
import { type Call, readCall } from './read-call.ts'
import { familyConstraint } from './routing.ts'
import { type ExchangeParts, runExchange } from './run-exchange.ts'
import { createSettling } from './settling.ts'

interface ForwardOptions extends Pick<
  ExchangeParts,
  'dispatcher' | 'places' | 'bulk' | 'drain' | 'scanner' | 'metrics'
> {
  readonly bodyMemory: BodyMemory
  readonly ledger: ServingLedger
}

/** One mount for every family; `@fastify/http-proxy` routes and checks the destination, the exchange does the hop. */
export default fp(
  async function forwardFamilies(app: FastifyInstance, options: ForwardOptions) {
    // A parser that reads a body would take it from the hop.
    app.removeAllContentTypeParsers()
    app.addConstraintStrategy(familyConstraint)
    await app.register(httpProxy, {
      upstream: '',
      constraints: { family: true },
      httpMethods: [...FORWARDED_METHODS],
      undici: { request: refuseHop },
      replyOptions: {
        getUpstream: (request) => request.record.target?.family?.origin ?? '',
      },
      handler: (request, reply) => forward(request, reply, options),
    })
  },
  { name: 'forward', dependencies: ['identity', 'path-policy'] },
)

/** The handler sends every request by itself; what http-proxy would make here does not verify TLS. */
function refuseHop(): never {
  throw new Error('a request was to go out past the exchange')
}

async function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ForwardOptions,
): Promise<void> {
  const call = await readCall(request, reply, options.bodyMemory)
  /** Set while it runs: a budget tells it to go on, or to end. */
  const link: { running?: Exchange } = {}
  const { ledger, metrics } = options
  const books = createBooks(request, call, { ledger, metrics, link })
  const settle = createSettling(request, books)
  try {
    await books.open()
    const { turns, buildOutbound } = prepareSending(request, call)
    const { meter, isUsageAdded } = call
    const parts = { ...options, turns, buildOutbound, meter, isUsageAdded, books, settle, link }
    await runExchange(request, reply, parts)
  } catch (error) {
    // A call that its budget refuses, or an error that nobody expected: any other was settled where it ended.
    settle('aborted', error instanceof KeystowError ? error.status : 500)
    throw error
  }
}

interface BooksContext extends Pick<ForwardOptions, 'ledger' | 'metrics'> {
  readonly link: { readonly running?: Exchange }
}

function createBooks(
  { record }: FastifyRequest,
  call: Call,
  { ledger, metrics, link }: BooksContext,
): Bookkeeping {
  const { id, startedAt } = record
  const { client, target, endpoint, fields, family, meter, demand } = call
  const { pricing } = record.policy.config
  return createBookkeeping({
    ledger,
    pricing,
    meter,
    demand,
    request: {
      id,
      startedAt,
      clientId: client.id,
      caps: client.budgets,
      path: target.path,
      endpoint,
      fields,
      family: family.name,
    },
    onEntry: (entry) => metrics.usage.observe(entry, { endpoint, pricing }),
    onResume: () => link.running && resumeExchange(link.running),
    onExhausted: (error) => link.running && endExchange(link.running, error),
  })
}

/** Chooses a credential; the request is built anew for every attempt. */
function prepareSending(request: FastifyRequest, call: Call) {
  const { record, raw, method } = request
  const { family, target, fields, content, length, isWhole } = call
  const headers = buildOutboundHeaders(raw.rawHeaders, family)
  if (length !== undefined) headers.push('content-length', String(length))
  const model = fields.model ?? family.name
  const turns = startTurns(family.pool, { model, isRepeatable: isWhole })
  const path = target.path + target.search
  const { origin } = family
  const buildOutbound = (): OutboundRequest => {
    const turn = turns.current()
    if (family.pool.members.length > 1) record.credential = turn.credential.fingerprint
    // Last, so that nothing the client sent can stand beside it or take it out.
    const withCredential = family.withCredential(headers, turn)
    return { origin, path, method, headers: withCredential, body: content }
  }
  return { turns, buildOutbound }
}
