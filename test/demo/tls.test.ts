import { once } from 'node:events'
import { connect, type TLSSocket } from 'node:tls'

import { expect, test } from 'vitest'

import { CREDENTIAL, rawChat, startDemo } from './demo-helpers.ts'
import { TEST_TLS } from './tls-fixture.ts'

async function readTls(
  port: number,
  request: string,
): Promise<{ text: string; errorCode: string }> {
  const socket: TLSSocket = connect({ port, host: '127.0.0.1', ca: TEST_TLS.cert })
  let text = ''
  let errorCode = ''
  socket.on('data', (chunk: Buffer) => (text += chunk.toString()))
  socket.on('error', (error: NodeJS.ErrnoException) => (errorCode = error.code ?? ''))
  await once(socket, 'secureConnect')
  socket.write(request)
  await new Promise((resolve) => socket.once('close', resolve))
  return { text, errorCode }
}

test('serves https', async () => {
  const demo = await startDemo({ tls: TEST_TLS })
  expect(demo.origin).toBe(`https://127.0.0.1:${demo.port}`)
  const { text } = await readTls(demo.port, rawChat('gpt-4o', { stream: true }))
  expect(text).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
  expect(text).toContain('data: [DONE]')
  expect(demo.received[0]?.headers.authorization).toBe(`Bearer ${CREDENTIAL}`)
})

test('resets a TLS connection too', async () => {
  const demo = await startDemo({ tls: TEST_TLS })
  const { text, errorCode } = await readTls(demo.port, rawChat('demo-reset-before-headers'))
  expect(text).toBe('')
  expect(errorCode).toBe('ECONNRESET')
})

test('cuts a TLS stream in the middle', async () => {
  const demo = await startDemo({ tls: TEST_TLS })
  const { text } = await readTls(demo.port, rawChat('demo-close-midstream', { stream: true }))
  expect(text).toContain('"delta"')
  expect(text).not.toContain('[DONE]')
})
