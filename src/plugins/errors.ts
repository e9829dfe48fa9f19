import type { FastifyError, FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import fp from 'fastify-plugin'

import { type ErrorName, KeystowError, toOpenAIError } from '../errors.ts'
import { FORWARDED_METHODS } from '../policy/methods.ts'

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
      sendError(toKeystowError(error), request, reply)
    })
    app.setNotFoundHandler((request, reply) => {
      const isForwarded = request.record.target?.family !== undefined
      const isMethod = FORWARDED_METHODS.includes(request.method)
      sendError(
        isForwarded && !isMethod
          ? new KeystowError('methodNotAllowed', {
              headers: { allow: FORWARDED_METHODS.join(', ') },
            })
          : new KeystowError('unknownUrl'),
        request,
        reply,
      )
    })
  },
  { name: 'errors', dependencies: ['record'] },
)

function sendError(error: KeystowError, request: FastifyRequest, reply: FastifyReply): void {
  request.record.error = error
  // What is left of a body that nobody reads would have to be, before the connection could be used again.
  if (!request.raw.complete) reply.header('connection', 'close')
  void reply.code(error.status).headers(error.headers).send(toOpenAIError(error))
}

function toKeystowError(error: FastifyError): KeystowError {
  if (error instanceof KeystowError) return error
  const status = error.statusCode ?? 500
  if (status >= 500) return new KeystowError('internalError', { cause: error })
  return new KeystowError(BY_STATUS[status] ?? 'badRequest', { cause: error })
}
