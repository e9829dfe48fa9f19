import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { startUpstream } from '../helpers/upstream.ts'
import { connectRaw } from '../helpers/raw.ts'

// An error event that nobody listens to ends a Node process. A client with a list of models sends an upload that names
// none, is refused, and leaves, or sends more than is allowed: the body that is being limited fails, and the hop that
// would have listened was never made. One client's upload must not end everybody's answers.

const TOKEN = 'ks-test-limited'

function writeConfig(): string {
  const path = join(createFolder(), 'keystow.yaml')
  const tokenHash = hashClientToken(TOKEN).toString('hex')
  writeFileSync(path, `clients: [{ id: limited, tokenHash: ${tokenHash}, models: [gpt-4o] }]\n`)
  return path
}

const HEAD = `POST /v1/audio/transcriptions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${TOKEN}\r\ncontent-type: audio/mpeg\r\n`

describe('an upload that is refused before it is sent on', () => {
  it.each([
    ['whose client leaves', 'content-length: 1000\r\n\r\nx'],
    [
      'that grows over the limit',
      `transfer-encoding: chunked\r\n\r\n200000\r\n${'x'.repeat(0x200000)}\r\n`,
    ],
    ['whose chunks are none', 'transfer-encoding: chunked\r\n\r\nzz\r\n'],
  ])('(%s) ends its own request only', async (_what, bytes) => {
    const upstream = await startUpstream((_request, response) => response.end('{}'))
    const keystow = startProcess({
      env: {
        PORT: '0',
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        UPSTREAM_URL: upstream.origin,
        BODY_LIMIT_MB: '1',
        CLIENT_TOKENS: 'alice:ks-test-alice',
        KEYSTOW_CONFIG: writeConfig(),
      },
    })
    const port = await listeningPort(keystow)
    for (let i = 0; i < 3; i++) {
      const client = connectRaw(port)
      client.send(HEAD + bytes)
      expect([400, 403]).toContain((await client.answers(1))[0]?.status)
      client.socket.destroy()
      const headers = { authorization: 'Bearer ks-test-alice' }
      expect((await fetch(`http://127.0.0.1:${port}/v1/models`, { headers })).status).toBe(200)
    }
    expect(keystow.child.exitCode).toBeNull()
  })
})
