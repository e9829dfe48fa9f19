import { Writable } from 'node:stream'

import { describe, expect, it } from 'vitest'

import { createLogger } from '../../src/logger.ts'
import { createEgressScanner } from '../../src/proxy/egress-scan.ts'
import { createSecret } from '../../src/secret.ts'
import { CREDENTIAL_FORMS } from '../helpers/credential-forms.ts'
import { findCredential } from '../helpers/find-credential.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'

// pino's own `redact` is a list of exact paths. It sees neither a message, nor a stack, nor the cause of a cause, nor
// the headers that undici hangs onto an error, nor a URL with a token in its query.

function createTestLogger() {
  let written = ''
  const destination = new Writable({
    write(chunk: Buffer, _encoding, done) {
      written += chunk.toString()
      done()
    },
  })
  const scanner = createEgressScanner([createSecret(TEST_CREDENTIAL)])
  const logger = createLogger({ level: 'trace', scanner, destination })
  return { logger, written: () => written }
}

/** An error as HTTP clients make them, with the request that failed. */
function requestError(secret: string): Error {
  const cause = Object.assign(new Error(`connect failed for ${secret}`), { code: `E ${secret}` })
  const error = new Error(`request failed: authorization: Bearer ${secret}`, { cause })
  return Object.assign(error, {
    request: { headers: ['authorization', `Bearer ${secret}`] },
    config: { auth: { password: secret } },
  })
}

describe.each(CREDENTIAL_FORMS)('the credential %s', (_how, write) => {
  const secret = write(TEST_CREDENTIAL)

  it.each<[string, (logger: ReturnType<typeof createLogger>) => void]>([
    ['a message', (logger) => logger.info(`got ${secret}`)],
    ['an argument of a message', (logger) => logger.info('got %s and %j', secret, { secret })],
    ['a field', (logger) => logger.warn({ a: { b: [secret] } })],
    ['the name of a field', (logger) => logger.warn({ [secret]: 1 })],
    [
      'an error, its cause and its request',
      (logger) => logger.error({ err: requestError(secret) }),
    ],
    ['an error alone', (logger) => logger.fatal(requestError(secret))],
    ['a binding', (logger) => logger.child({ url: `/v1/x?key=${secret}` }).debug('child')],
    ['JSON in a field', (logger) => logger.trace({ body: JSON.stringify({ secret }) })],
  ])('stands in no line as %s', (_where, log) => {
    const { logger, written } = createTestLogger()
    log(logger)
    expect(findCredential(written(), TEST_CREDENTIAL)).toBeUndefined()
    expect(written()).toContain('[redacted]')
    for (const line of written().trimEnd().split('\n')) expect(() => JSON.parse(line)).not.toThrow()
  })
})
