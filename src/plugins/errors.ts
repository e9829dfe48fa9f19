import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

import { type ErrorName, KeystowError, toOpenAIError } from '../errors.ts'
import { FORWARDED_METHODS } from '../policy/methods.ts'
import { hasBody } from '../proxy/request-body.ts'

/** What Fastify itself refuses, by the status it would have sent. */
const BY_STATUS: Readonly<Record<number, ErrorName>> = {
  404: 'unknownUrl',
  408: 'requestTimeout',
  413: 'requestTooLarge',
  415: 'unsupportedMediaType',
}

/** The one place that answers with an error. */
export default fp(
  async function errors(app: FastifyInstance) {
    app.setErrorHandler<FastifyError>((error, request, reply) => {
      sendError(toKeystowError(error, request), request, reply)
    })
    app.setNotFoundHandler((request, reply) => {
      sendError(wrongMethod(request) ?? new KeystowError('unknownUrl'), request, reply)
    })
  },
  { name: 'errors', dependencies: ['record'] },
)

function sendError(error: KeystowError, request: FastifyRequest, reply: FastifyReply): void {
  request.record.error = error
  // What is left of a body that nobody reads would have to be, before the connection could be used again.
  if (!request.raw.complete && hasBody(request.raw)) reply.header('connection', 'close')
  void reply.code(error.status).headers(error.headers).send(toOpenAIError(error))
}

function toKeystowError(error: FastifyError, request: FastifyRequest): KeystowError {
  if (error instanceof KeystowError) return error
  const status = error.statusCode ?? 500
  if (status >= 500) return new KeystowError('internalError', { cause: error })
  // Fastify looks at the content type of some methods before it finds that they have no route.
  return (
    wrongMethod(request) ?? new KeystowError(BY_STATUS[status] ?? 'badRequest', { cause: error })
  )
}

/** The answer to a method that is not forwarded, for a path that is. */
function wrongMethod({ method, record }: FastifyRequest): KeystowError | undefined {
  if (record.target?.family === undefined || FORWARDED_METHODS.includes(method)) return undefined
  return new KeystowError('methodNotAllowed', { headers: { allow: FORWARDED_METHODS.join(', ') } })
}
