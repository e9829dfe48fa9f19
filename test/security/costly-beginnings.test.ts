import { gzipSync } from 'node:zlib'

import { describe, expect, it } from 'vitest'

import { createEgressScanner, endScan, scanBytes } from '../../src/proxy/egress-scan.ts'
import { createSecret } from '../../src/secret.ts'
import { startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { startScriptedUpstream } from '../helpers/scripted-upstream.ts'
import { sendOverWire } from '../helpers/wire-client.ts'

// What could be the beginning of the credential is held back, and read again with what comes next. An upstream that
// writes it in the longest spelling there is, thousands of bytes for half a credential, and sends them in chunks of one
// byte, has each of them cost as much as a page.

const BACKSLASHES = '\\'.repeat(31)
const LINE_BREAK = `${BACKSLASHES}u000d${BACKSLASHES}u000a`
const BEGINNING = Array.from(
  TEST_CREDENTIAL.slice(3, -1),
  (character) => `${BACKSLASHES}u00${character.charCodeAt(0).toString(16)}${LINE_BREAK}`,
).join('')

const HEAD = 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n'

const inChunksOfOne = (text: string): string =>
  Array.from(text, (character) => `1\r\n${character}\r\n`).join('')

describe('an answer of beginnings of the credential', () => {
  it.each([
    ['as it is', '', BEGINNING.repeat(20)],
    ['in gzip', 'content-encoding: gzip\r\n', undefined],
  ])('in chunks of one byte is cut (%s)', async (_how, header, text) => {
    const upstream = await startScriptedUpstream((socket) => {
      socket.write(`${HEAD}${header}\r\n`)
      const members = Array.from(BEGINNING.repeat(2), (character) => gzipSync(character))
      const chunks =
        text === undefined
          ? members.map(
              (bytes) => `${bytes.length.toString(16)}\r\n${bytes.toString('latin1')}\r\n`,
            )
          : [inChunksOfOne(text)]
      socket.write(Buffer.from(`${chunks.join('')}0\r\n\r\n`, 'latin1'))
    })
    const gateway = await startGateway({ upstream })
    const { status, isWhole } = await sendOverWire({ port: gateway.port })
    expect(status === 502 || !isWhole).toBe(true)
    expect(await gateway.waitForLine(() => true)).toMatchObject({ error: 'upstream_unavailable' })
  })

  it.each([
    ['in larger chunks passes', BEGINNING.repeat(20), 4096],
    ['in usual spelling passes in any chunks', TEST_CREDENTIAL.slice(3, -1).repeat(5000), 1],
  ])('%s', (_how, text, size) => {
    const scan = createEgressScanner([createSecret(TEST_CREDENTIAL)]).startBody({
      isFixedLength: false,
    })
    const bytes = Buffer.from(text)
    let passed = 0
    for (let at = 0; at < bytes.length; at += size) {
      passed += scanBytes(scan, bytes.subarray(at, at + size)).length
    }
    expect(passed + endScan(scan).length).toBe(bytes.length)
  })
})
