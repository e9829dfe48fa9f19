import { describe, expect, it } from 'vitest'

import { createEgressScanner } from '../../src/proxy/egress-scan.ts'
import { readUpstreamHead, redactHead } from '../../src/proxy/response-headers.ts'
import { createSecret } from '../../src/secret.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'

const scanner = createEgressScanner([createSecret(TEST_CREDENTIAL)])

const read = (headers: readonly string[]) =>
  readUpstreamHead(200, headers, 'https://upstream.example')

describe('an upstream head', () => {
  it('loses the credential, in what passes and in what is kept', () => {
    const head = redactHead(
      read(['x-request-id', `for ${TEST_CREDENTIAL}`, 'x-a', TEST_CREDENTIAL, 'x-b', '1']),
      scanner,
    )
    expect(head.leaks).toBe(2)
    expect(head.requestId).toBe('for hk-[redacted]')
    expect(head.headers).toEqual([
      'x-a',
      'hk-[redacted]',
      'x-b',
      '1',
      'x-upstream-request-id',
      'for hk-[redacted]',
    ])
  })

  it('stays the same when there is none', () => {
    const head = read(['x-request-id', 'req_1', 'x-a', TEST_CREDENTIAL.slice(0, -1)])
    expect(redactHead(head, scanner)).toBe(head)
  })
})
