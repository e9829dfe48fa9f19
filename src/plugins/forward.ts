import httpProxy from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

import { KeystowError } from '../errors.ts'
import { FORWARDED_METHODS } from '../policy/methods.ts'
import type { BodyMemory } from '../proxy/body-memory.ts'
import { endExchange, resumeExchange } from '../proxy/exchange.ts'
import { type Books, createBooks, openBooks } from '../usage/bookkeeping.ts'
import type { ServingLedger } from '../workers/ledger-calls.ts'
import { type Call, readCall } from './read-call.ts'
import { familyConstraint } from './routing.ts'
import {
  endForwarding,
  type Forwarding,
  type ForwardServices,
  runExchange,
} from './run-exchange.ts'

interface ForwardOptions extends ForwardServices {
  readonly bodyMemory: BodyMemory
  readonly ledger: ServingLedger
}

/** One mount for every family; `@fastify/http-proxy` routes, the exchange does the hop. */
export default fp(
  async function forwardFamilies(app: FastifyInstance, options: ForwardOptions) {
    // A parser that reads a body would take it from the hop.
    app.removeAllContentTypeParsers()
    app.addConstraintStrategy(familyConstraint)
    await app.register(httpProxy, {
      upstream: '',
      constraints: { family: true },
      httpMethods: [...FORWARDED_METHODS],
      // Never done but with an error: http-proxy's handler would parse three URLs to find what the target has shown.
      preHandler(request, reply, done) {
        forward(request, reply, options).catch(done)
      },
      undici: { request: refuseHop },
      replyOptions: { getUpstream: refuseHop },
    })
  },
  { name: 'forward', dependencies: ['identity', 'path-policy'] },
)

/** What http-proxy would send with does not verify TLS. */
function refuseHop(): never {
  throw new Error('a request was to go out past the exchange')
}

async function forward(
  request: FastifyRequest,
  reply: FastifyReply,
  options: ForwardOptions,
): Promise<void> {
  const call = await readCall(request, reply, options.bodyMemory)
  const books = createCallBooks(request, call, options)
  const forwarding: Forwarding = { request, reply, services: options, call, books }
  try {
    await openBooks(books, {
      onResume: () => forwarding.running && resumeExchange(forwarding.running),
      onExhausted: (error) => forwarding.running && endExchange(forwarding.running, error),
    })
    await runExchange(forwarding)
  } catch (error) {
    // A call that its budget refuses, or an error that nobody expected: any other has ended where it was told.
    endForwarding(forwarding, 'aborted', error instanceof KeystowError ? error.status : 500)
    throw error
  }
}

function createCallBooks(
  { record }: FastifyRequest,
  { client, target, endpoint, fields, family, meter, demand }: Call,
  { ledger, metrics }: ForwardOptions,
): Books {
  return createBooks({
    ledger,
    pricing: record.policy.config.pricing,
    meter,
    demand,
    request: {
      id: record.id,
      startedAt: record.startedAt,
      clientId: client.id,
      caps: client.budgets,
      path: target.path,
      endpoint,
      fields,
      family: family.name,
    },
    metrics: metrics.usage,
  })
}
