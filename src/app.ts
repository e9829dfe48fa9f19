import Fastify, { type FastifyBaseLogger, type FastifyInstance, LogController } from 'fastify'

import { isLoopback } from './clients/address.ts'
import type { Config } from './config/config.ts'
import { createServers } from './http/create-server.ts'
import { createRequestTurns } from './http/request-turns.ts'
import { createAuthFailures } from './limits/auth-failures.ts'
import bodyType from './plugins/body-type.ts'
import concurrency from './plugins/concurrency.ts'
import cors from './plugins/cors.ts'
import earlyBody from './plugins/early-body.ts'
import drainRequests from './plugins/drain.ts'
import errors from './plugins/errors.ts'
import forward from './plugins/forward.ts'
import identity from './plugins/identity.ts'
import inFlight from './plugins/in-flight.ts'
import loadShedding from './plugins/load-shedding.ts'
import localhost from './plugins/localhost.ts'
import pathPolicy from './plugins/path-policy.ts'
import rateLimit from './plugins/rate-limit.ts'
import record, { refuseUnreadable } from './plugins/record.ts'
import { createRawAnswerLog } from './raw-answer-log.ts'
import requestLog from './plugins/request-log.ts'
import { createUrlRewriter } from './plugins/routing.ts'
import admin from './routes/admin.ts'
import billing from './routes/billing.ts'
import health from './routes/health.ts'
import type { Services } from './services.ts'
import { shareOf } from './workers/share.ts'

const BYTES_PER_MIB = 1024 * 1024

/** No route has a schema; what would compile one is a tenth of the modules of a start. */
const NO_SCHEMAS = { buildValidator: refuseSchema, buildSerializer: refuseSchema }

/** The application: what a request meets, in the order in which it meets it. */
export async function buildApp(config: Config, services: Services): Promise<FastifyInstance> {
  const { policy, limitStore, metrics, drain } = services
  const logger: FastifyBaseLogger = services.logger
  const isTrusted = (address: string): boolean => policy.current().config.isTrustedProxy(address)
  const turns = createRequestTurns({ onWait: drain.enter, onBegun: drain.leave })
  const servers = createServers({
    turns,
    bounds: {
      ...config,
      connectionLimit: shareOf(config.connectionLimit, config.workers),
      connectionLimitPerAddress: shareOf(config.connectionLimitPerAddress, config.workers),
    },
    isShared: (address) => isLoopback(address) || isTrusted(address),
    onCut: (reason) => metrics.cutConnections.inc({ reason }),
    onRawAnswer: createRawAnswerLog({ logger, metrics }),
  })
  const app = Fastify({
    loggerInstance: logger,
    logController: new LogController({ disableRequestLogging: true }),
    // The line that is logged names its request itself; a child logger for each request costs more than the line.
    childLoggerFactory: (parent) => parent,
    bodyLimit: config.bodyLimitMb * BYTES_PER_MIB,
    trustProxy: (address) => typeof address === 'string' && isTrusted(address),
    rewriteUrl: createUrlRewriter(policy),
    serverFactory: (dispatch) => servers.create(dispatch),
    // The server has its own.
    clientErrorHandler: () => {},
    forceCloseConnections: true,
    schemaController: { compilersFactory: NO_SCHEMAS },
  })
  // No parser of Fastify's reads a body: the hop takes it as it comes, and nothing else wants one.
  app.removeAllContentTypeParsers()
  app.addContentTypeParser('*', (_request, _payload, done) => done(null))
  await app.register(localhost, {
    host: config.host,
    reusePort: config.workers > 1,
    createServer: servers.createAnother,
  })
  const refuseToken = createAuthFailures({ limitStore, metrics })

  await app.register(record, { turns })
  await app.register(errors)
  await app.register(requestLog, { metrics })
  await app.register(cors)
  await app.register(refuseUnreadable, { headerCountLimit: config.headerCountLimit })
  await app.register(drainRequests, { drain })
  const { adminToken, timeZone } = config
  const { ledger, exposition } = services
  await app.register(health, { drain, limitStore, ledger, isShared: config.redisUrl !== undefined })
  await app.register(admin, { adminToken, timeZone, ledger, exposition, metrics, refuseToken })

  await app.register(async function clientSurface(surface) {
    await surface.register(loadShedding, { metrics })
    await surface.register(identity, { refuseToken })
    await surface.register(pathPolicy)
    await surface.register(inFlight, { requests: services.requests, metrics })
    await surface.register(earlyBody)
    await surface.register(rateLimit, { limitStore, metrics })
    await surface.register(concurrency, { limitStore, metrics })
    await surface.register(bodyType)
    await surface.register(billing, { ledger, timeZone })
    await surface.register(forward, { ...services })
  })
  return app
}

function refuseSchema(): never {
  throw new Error('nothing here compiles a schema')
}
