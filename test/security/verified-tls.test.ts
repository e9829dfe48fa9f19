import { createServer } from 'node:https'

import { describe, expect, it, onTestFinished } from 'vitest'

import { type Certificate, createCertificate, openssl } from '../helpers/certificate.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { portOf } from '../helpers/port.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'

// @fastify/reply-from 12.6.5 sets rejectUnauthorized to false when nothing is said (its lib/request.js): the
// credential would be handed to whoever answers on the upstream's address with a certificate of their own.

async function callThrough(
  certificate: Certificate,
  env: Readonly<Record<string, string>>,
): Promise<{ status: number; requests: number }> {
  let requests = 0
  const server = createServer(certificate, (_request, response) => {
    requests++
    response.end('{}')
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  onTestFinished(() => server.closeAllConnections())
  const port = portOf(server)
  const keystow = startProcess({
    env: {
      PORT: '0',
      UPSTREAM_URL: `https://127.0.0.1:${port}`,
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      ...env,
    },
  })
  const headers = { authorization: `Bearer ${TEST_TOKEN}` }
  const url = `http://127.0.0.1:${await listeningPort(keystow)}/v1/models`
  const { status } = await fetch(url, { headers })
  server.close()
  return { status, requests }
}

describe.skipIf(openssl === undefined)('an upstream with a certificate', () => {
  it('that is trusted is called', async () => {
    const certificate = createCertificate('IP:127.0.0.1')
    const env = { NODE_EXTRA_CA_CERTS: certificate.certFile }
    expect(await callThrough(certificate, env)).toEqual({ status: 200, requests: 1 })
  })

  it('that nobody signed gets no request', async () => {
    const certificate = createCertificate('IP:127.0.0.1')
    expect(await callThrough(certificate, {})).toEqual({ status: 502, requests: 0 })
  })

  it('of another name gets no request', async () => {
    const certificate = createCertificate('DNS:other.example')
    const env = { NODE_EXTRA_CA_CERTS: certificate.certFile }
    expect(await callThrough(certificate, env)).toEqual({ status: 502, requests: 0 })
  })

  it('gets no request even where the environment turns verification off', async () => {
    const certificate = createCertificate('IP:127.0.0.1')
    const env = { NODE_TLS_REJECT_UNAUTHORIZED: '0' }
    expect(await callThrough(certificate, env)).toEqual({ status: 502, requests: 0 })
  })
})
