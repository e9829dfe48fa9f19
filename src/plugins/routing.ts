import type { IncomingMessage } from 'node:http'

import type { FastifyInstance } from 'fastify'

import type { LivePolicy, Policy } from '../policy/policy.ts'
import type { Target } from '../policy/request-target.ts'

const kRouting = Symbol('routing')

/** What is known of a request before a router sees it. */
interface Routing {
  /** The policy of this request for as long as it lives. */
  readonly policy: Policy
  /** Undefined when no path could be read from the request line. */
  readonly target: Target | undefined
}

interface RoutedMessage extends IncomingMessage {
  [kRouting]?: Routing
}

type ConstraintStrategy = Parameters<FastifyInstance['addConstraintStrategy']>[0]
type Handler = Parameters<ReturnType<ConstraintStrategy['storage']>['set']>[1]

/** Where a request without a readable path is routed; it is refused before anything else looks. */
const REFUSED_URL = '/'

/** Maps each request line to its one target before the router sees it (Fastify's `rewriteUrl`). */
export function createUrlRewriter(live: LivePolicy) {
  return function rewriteUrl(message: IncomingMessage): string {
    const policy = live.current()
    const target = policy.parseTarget(message.url ?? '')
    const routed: RoutedMessage = message
    routed[kRouting] = { policy, target }
    return target === undefined ? REFUSED_URL : target.path + target.search
  }
}

/** What the rewriter found out about this message. */
export function routingOf(message: IncomingMessage): Routing {
  const { [kRouting]: routing }: RoutedMessage = message
  if (routing === undefined) throw new Error('a request was not routed by its target')
  return routing
}

/**
 * A route with `constraints: { family: true }` is for what belongs to a family, whatever its path. Routers are
 * closed once the server listens, and families come and go with the settings.
 */
export const familyConstraint: ConstraintStrategy = {
  name: 'family',
  storage() {
    let forwarding: Handler | null = null
    return {
      get: (isForFamily) => (isForFamily === true ? forwarding : null),
      set(_, handler) {
        forwarding = handler
      },
    }
  },
  validate() {},
  deriveConstraint: (message: IncomingMessage) => routingOf(message).target?.family !== undefined,
}
