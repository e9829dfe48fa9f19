import { KeystowError } from '../errors.ts'

/** undici's codes for an upstream that took too long. */
const TIMEOUT_CODES: ReadonlySet<string> = new Set([
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'ETIMEDOUT',
])

/**
 * Maps what went wrong between Keystow and the upstream to what the client is told; the cause is for the log. undici's
 * errors and the sockets' have a code; what has none was thrown here.
 */
export function toUpstreamError(error: unknown): KeystowError {
  if (error instanceof KeystowError) return error
  if (!(error instanceof Error && 'code' in error)) {
    return new KeystowError('internalError', { cause: error })
  }
  const code = String(error.code)
  return new KeystowError(TIMEOUT_CODES.has(code) ? 'upstreamTimeout' : 'upstreamUnavailable', {
    cause: error,
  })
}
