import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

import { beforeAll, describe, expect, test } from 'vitest'

import { type Certificate, createCertificate, openssl } from '../helpers/certificate.ts'
import { CREDENTIAL, rawChat, startDemo } from './demo-helpers.ts'

async function readTls(
  port: number,
  { request, ca }: { readonly request: string; readonly ca: string },
): Promise<{ text: string; errorCode: string }> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca })
  let text = ''
  let errorCode = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => (errorCode = error.code ?? ''))
  await once(socket, 'secureConnect')
  socket.write(request)
  await new Promise((resolve) => socket.once('close', resolve))
  return { text, errorCode }
}

describe.skipIf(openssl === undefined)('over TLS', () => {
  let tls: Certificate
  beforeAll(() => {
    tls = createCertificate('IP:127.0.0.1')
  })

  test('serves https', async () => {
    const demo = await startDemo({ tls })
    expect(demo.origin).toBe(`https://127.0.0.1:${demo.port}`)
    const { text } = await readTls(demo.port, {
      request: rawChat('gpt-4o', { stream: true }),
      ca: tls.cert,
    })
    expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(text).toContain('data: [DONE]')
    expect(demo.received[0]?.headers.authorization).toBe(`Bearer ${CREDENTIAL}`)
  })

  test('resets a TLS connection too', async () => {
    const demo = await startDemo({ tls })
    const { text, errorCode } = await readTls(demo.port, {
      request: rawChat('demo-reset-before-headers'),
      ca: tls.cert,
    })
    expect(text).toBe('')
    expect(errorCode).toBe('ECONNRESET')
  })

  test('cuts a TLS stream in the middle', async () => {
    const demo = await startDemo({ tls })
    const { text } = await readTls(demo.port, {
      request: rawChat('demo-close-midstream', { stream: true }),
      ca: tls.cert,
    })
    expect(text).toContain('"delta"')
    expect(text).not.toContain('[DONE]')
  })
})
