import { randomBytes } from 'node:crypto'

import { createEgressScanner, scanBytes } from '../src/proxy/egress-scan.ts'
import { createSecret } from '../src/secret.ts'

// What the egress scan takes for a chunk, measured in a loop: `node bench/scan.ts` prints the table of docs/security.md.

const CREDENTIALS = [1, 10]
/** The least of several rounds: what else runs on the machine only ever adds to it. */
const ROUNDS = 7
const ROUND_MS = 100

const CHINESE = '你好，这是一个关于代理服务器的问题，请问您想了解哪些方面的内容呢'

const event = (content: string): string =>
  `data: ${JSON.stringify({
    id: 'chatcmpl-9xA2bQ',
    object: 'chat.completion.chunk',
    created: 1_700_000_000,
    model: 'gpt-4o-mini',
    choices: [{ index: 0, delta: { content }, logprobs: null, finish_reason: null }],
  })}\n\n`

const escapeNonAscii = (text: string): string =>
  text.replace(
    /[^\0-\x7f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )

const CHUNKS: readonly (readonly [name: string, chunk: Buffer])[] = [
  ['an event of one word', Buffer.from(event(' token'))],
  ['an event of Chinese', Buffer.from(event(CHINESE))],
  ['the same, escaped as `\\uXXXX`', Buffer.from(escapeNonAscii(event(CHINESE)))],
  ['an event with a percent-encoded URL', Buffer.from(event(encodeURIComponent(CHINESE)))],
  ['64 KiB of base64', Buffer.from(randomBytes(48 * 1024).toString('base64'))],
  ['64 KiB of sound', randomBytes(64 * 1024)],
]

const makeSecret = () => createSecret(`hk-${randomBytes(39).toString('base64url').slice(0, 51)}`)

/** Microseconds for one chunk. */
function measure(chunk: Buffer, credentials: number): number {
  const scanner = createEgressScanner(Array.from({ length: credentials }, makeSecret))
  const scan = scanner.startBody({ isFixedLength: false })
  let best = Infinity
  for (let round = 0; round < ROUNDS; round++) {
    const startedAt = performance.now()
    let count = 0
    while (performance.now() - startedAt < ROUND_MS) {
      for (let i = 0; i < 100; i++) scanBytes(scan, chunk)
      count += 100
    }
    best = Math.min(best, ((performance.now() - startedAt) / count) * 1000)
  }
  return best
}

for (const [name, chunk] of CHUNKS) {
  const times = CREDENTIALS.map(
    (credentials) => `${Number(measure(chunk, credentials).toPrecision(2))} µs`,
  )
  process.stdout.write(`| ${name}, ${chunk.length} bytes | ${times.join(' | ')} |\n`)
}
