import { describe, expect, it } from 'vitest'

import { createEgressScanner } from '../../src/proxy/egress-scan.ts'
import { createSecret } from '../../src/secret.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'

const SECRET = TEST_CREDENTIAL.slice('hk-'.length)
const scanner = createEgressScanner([createSecret(TEST_CREDENTIAL)])

const escapeWith =
  (
    prefix: string,
    isEscaped: (index: number) => boolean,
    toCase: (hex: string) => string = String,
  ) =>
  (): string =>
    Array.from(TEST_CREDENTIAL, (character, index) =>
      isEscaped(index) ? prefix + toCase(character.charCodeAt(0).toString(16)) : character,
    ).join('')

const everyOne = (): boolean => true
const everySecond = (index: number): boolean => index % 2 === 0
const upper = (hex: string): string => hex.toUpperCase()

const FORMS: [string, () => string][] = [
  ['as it is', () => TEST_CREDENTIAL],
  ['under the other prefix', () => `sk-${SECRET}`],
  ['without a prefix', () => SECRET],
  ['percent-encoded', escapeWith('%', everyOne)],
  ['percent-encoded in upper case, here and there', escapeWith('%', everySecond, upper)],
  ['JSON-escaped', escapeWith('\\u00', everyOne)],
  ['JSON-escaped in upper case, here and there', escapeWith('\\u00', everySecond, upper)],
  ['JSON-escaped twice', escapeWith('\\\\u00', everySecond)],
  ['in base64', () => Buffer.from(TEST_CREDENTIAL).toString('base64')],
  ['in base64 behind one byte', () => Buffer.from(`:${TEST_CREDENTIAL}`).toString('base64')],
  ['in base64 behind two bytes', () => Buffer.from(`a:${TEST_CREDENTIAL}x`).toString('base64')],
  ['in base64 for URLs', () => Buffer.from(`user:${TEST_CREDENTIAL}`).toString('base64url')],
]

const SIZES = [1, 2, 3, 5, 16, 47, 64, 1000]

function scanInPieces(text: string, size: number, isFixedLength = false) {
  const scan = scanner.startBody({ isFixedLength })
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size)
    out.push(scan.write(bytes.subarray(at, at + size)))
  out.push(scan.end())
  return { text: Buffer.concat(out).toString(), hits: scan.hits() }
}

describe.each(FORMS)('a credential %s', (_how, form) => {
  it.each([
    '',
    'x',
    '"',
    '\\',
    '%',
    '%6',
    '\\u0',
    SECRET.slice(0, 7),
    `${SECRET.slice(0, 9)}\\u00`,
  ])('is replaced behind %j, however it is cut', (before) => {
    for (const size of SIZES) {
      const { text, hits } = scanInPieces(`data: ${before}${form()}"\n\n`, size)
      expect(text).toContain('[redacted]')
      expect(text).not.toContain(SECRET)
      expect(hits).toBe(1)
      expect(text.endsWith('"\n\n')).toBe(true)
    }
  })

  it('is replaced by as many bytes where the length is fixed', () => {
    for (const size of SIZES) {
      const whole = `{"a":"${form()}"}`
      const { text } = scanInPieces(whole, size, true)
      expect(text).toHaveLength(whole.length)
      expect(text).toContain('[redacted]***')
    }
  })

  it('is replaced in a text', () => {
    expect(scanner.scanText(`你好 ${form()}.`)).toMatch(/^你好 .*\[redacted\]/)
  })
})

describe('the egress scan', () => {
  it.each([
    'data: {"choices":[{"delta":{"content":"hello"}}]}\n\n',
    '你好😀'.repeat(50),
    `${'A'.repeat(500)}==`,
    Buffer.from(Array.from({ length: 2000 }, (_, index) => index % 251)).toString('latin1'),
    '100% \\ \\u \\u00 \\u0068 %68 %',
    TEST_CREDENTIAL.slice(0, -1),
    `${SECRET.slice(0, 20)} ${SECRET.slice(20)}`,
    `${'\\'.repeat(100)}u0068`,
  ])('changes nothing else, and ends with every byte passed on', (text) => {
    for (const size of SIZES) {
      expect(scanInPieces(text, size)).toEqual({ text, hits: 0 })
    }
  })

  it('holds nothing back at the end of an event', () => {
    for (const event of [
      'data: hello\n\n',
      `data: "${SECRET.slice(0, 20)}"\n\n`,
      `data: ${SECRET.slice(0, 20)}\n\n`,
      'data: \\\n\n',
      ': hk-\n\n',
    ]) {
      const scan = scanner.startBody({ isFixedLength: false })
      expect(scan.write(Buffer.from(event)).toString()).toBe(event)
    }
  })

  it('holds back no more than could be the beginning of a credential', () => {
    const scan = scanner.startBody({ isFixedLength: false })
    expect(scan.write(Buffer.from(`data: abc ${SECRET.slice(0, 5)}`)).toString()).toBe('data: abc ')
    expect(scan.write(Buffer.from('!')).toString()).toBe(`${SECRET.slice(0, 5)}!`)
    expect(scan.write(Buffer.from('\\'.repeat(100))).length).toBeGreaterThan(90)
  })

  it('finds several, of several credentials, overlapping or not', () => {
    const other = 'hk-test-another-credential-of-the-process'
    const both = createEgressScanner([createSecret(TEST_CREDENTIAL), createSecret(other)])
    const text = both.scanText(`${TEST_CREDENTIAL}${other} ${other}${TEST_CREDENTIAL}`)
    expect(text).toBe('hk-[redacted]hk-[redacted] hk-[redacted]hk-[redacted]')
  })

  it('lets nothing of several credentials through that share characters at their ends', () => {
    const first = 'hk-test-first-credential-that-ends-with-shared'
    const second = 'shared-is-how-the-second-credential-begins'
    const both = createEgressScanner([createSecret(first), createSecret(second)])
    const joined = first + second.slice('shared'.length)
    for (let cut = 1; cut < joined.length; cut++) {
      const scan = both.startBody({ isFixedLength: false })
      const pieces = [joined.slice(0, cut), joined.slice(cut), '.'].map((piece) =>
        scan.write(Buffer.from(piece)).toString(),
      )
      expect(pieces.join('') + scan.end().toString()).toBe('hk-[redacted].')
    }
    const scan = both.startBody({ isFixedLength: false })
    const held = scan.write(Buffer.from(`x ${first}`)).toString()
    expect(held + scan.end().toString()).toBe('x hk-[redacted]')
    expect(scan.hits()).toBe(1)
  })

  it('holds back no more than a bound, whatever several credentials have in common', () => {
    const both = createEgressScanner(['hk-ababababa0', 'hk-0babababab'].map(createSecret))
    const scan = both.startBody({ isFixedLength: false })
    let passed = 0
    for (let i = 0; i < 10_000; i++) passed += scan.write(Buffer.from('ababababa0babababab')).length
    expect(passed).toBeGreaterThan(0)
    expect(scan.end().length).toBeLessThan(20_000)
  })

  it('learns a credential, also for a body that has begun', () => {
    const learning = createEgressScanner([createSecret(TEST_CREDENTIAL)])
    const scan = learning.startBody({ isFixedLength: false })
    expect(scan.write(Buffer.from('hk-test-a-later-one.')).toString()).toBe('hk-test-a-later-one.')
    learning.learn(createSecret('hk-test-a-later-one'))
    learning.learn(createSecret('sk-test-a-later-one'))
    expect(scan.write(Buffer.from('hk-test-a-later-one.')).toString()).toBe('hk-[redacted].')
    expect(learning.scanText(`test-a-later-one ${SECRET}`)).toBe('[redacted] [redacted]')
  })

  it('finds a credential that repeats itself', () => {
    const repeating = createEgressScanner([createSecret('hk-abababababac')])
    const scan = repeating.startBody({ isFixedLength: false })
    const out = Array.from('abababababababac', (character) =>
      scan.write(Buffer.from(character)).toString(),
    )
    expect(out.join('') + scan.end().toString()).toBe('abab[redacted]')
  })

  it('looks for all of a credential whose rest would be too short to tell apart', () => {
    const short = createEgressScanner([createSecret('hk-abc')])
    expect(short.scanText('abc hk-abc')).toBe('abc [redacted]')
  })
})
