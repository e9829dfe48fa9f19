import { describe, expect, it } from 'vitest'

import { createEgressScanner, endScan, scanBytes } from '../../src/proxy/egress-scan.ts'
import { createSecret } from '../../src/secret.ts'
import { BROKEN_FORM, CREDENTIAL_FORMS } from '../helpers/credential-forms.ts'
import { findCredential } from '../helpers/find-credential.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { createDice, type Dice } from '../helpers/dice.ts'

const SECRET = TEST_CREDENTIAL.slice('hk-'.length)
const scanner = createEgressScanner([createSecret(TEST_CREDENTIAL)])

const SIZES = [1, 2, 3, 5, 16, 47, 64, 1000]

function scanInPieces(text: string, size: number, { isFixedLength = false, by = scanner } = {}) {
  const scan = by.startBody({ isFixedLength })
  const bytes = Buffer.from(text)
  const out: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size)
    out.push(scanBytes(scan, bytes.subarray(at, at + size)))
  out.push(endScan(scan))
  return { text: Buffer.concat(out).toString(), hits: scan.hits }
}

describe.each([...CREDENTIAL_FORMS, BROKEN_FORM])('a credential %s', (_how, write) => {
  const text = write(TEST_CREDENTIAL)

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
      const { text: passed, hits } = scanInPieces(`data: ${before}${text}"\n\n`, size)
      expect(passed).toContain('[redacted]')
      expect(findCredential(passed, TEST_CREDENTIAL)).toBeUndefined()
      expect(hits).toBe(1)
      expect(passed.endsWith('"\n\n')).toBe(true)
    }
  })

  it('is replaced by as many bytes where the length is fixed', () => {
    for (const size of SIZES) {
      const whole = `{"a":"${text}"}`
      const { text: passed } = scanInPieces(whole, size, { isFixedLength: true })
      expect(passed).toHaveLength(whole.length)
      expect(passed).toContain('[redacted]***')
    }
  })

  it('is replaced in a text, and at the very end of one', () => {
    expect(scanner.scanText(`你好 ${text}.`)).toMatch(/^你好 .*\[redacted\]/s)
    expect(findCredential(scanner.scanText(text), TEST_CREDENTIAL)).toBeUndefined()
    for (const size of SIZES) expect(scanInPieces(text, size).hits).toBe(1)
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
    '\\u00e9\\u4f60%E4%BD%A0&#20320;&#x4f60;&nbsp; \\n\\/\\x'.repeat(20),
    `${SECRET.slice(0, 20)}\n\n${SECRET.slice(20)}`,
    `${SECRET.slice(0, 20)}\r\n\r\n${SECRET.slice(20)}`,
    `${SECRET.slice(0, 20)}\\n\\n${SECRET.slice(20)}`,
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
      `data: ${SECRET.slice(0, 20)}\r\n\r\n`,
      `data: ${SECRET.slice(0, 20)}\r\r`,
    ]) {
      const scan = scanner.startBody({ isFixedLength: false })
      expect(scanBytes(scan, Buffer.from(event)).toString()).toBe(event)
    }
  })

  it('holds back no more than could be the beginning of a credential', () => {
    const scan = scanner.startBody({ isFixedLength: false })
    expect(scanBytes(scan, Buffer.from(`data: abc ${SECRET.slice(0, 5)}`)).toString()).toBe(
      'data: abc ',
    )
    expect(scanBytes(scan, Buffer.from('!')).toString()).toBe(`${SECRET.slice(0, 5)}!`)
    expect(scanBytes(scan, Buffer.from('\\'.repeat(100))).length).toBe(69)
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
        scanBytes(scan, Buffer.from(piece)).toString(),
      )
      expect(pieces.join('') + endScan(scan).toString()).toBe('hk-[redacted].')
    }
    const scan = both.startBody({ isFixedLength: false })
    const held = scanBytes(scan, Buffer.from(`x ${first}`)).toString()
    expect(held + endScan(scan).toString()).toBe('x hk-[redacted]')
    expect(scan.hits).toBe(1)
  })

  it('holds back no more than a bound, whatever several credentials have in common', () => {
    const both = createEgressScanner(['hk-ababababa0', 'hk-0babababab'].map(createSecret))
    const scan = both.startBody({ isFixedLength: false })
    let passed = 0
    for (let i = 0; i < 10_000; i++)
      passed += scanBytes(scan, Buffer.from('ababababa0babababab')).length
    expect(passed).toBeGreaterThan(0)
    expect(endScan(scan).length).toBeLessThan(20_000)
  })

  it('learns a credential, also for a body that has begun', () => {
    const learning = createEgressScanner([createSecret(TEST_CREDENTIAL)])
    const scan = learning.startBody({ isFixedLength: false })
    expect(scanBytes(scan, Buffer.from('hk-test-a-later-one.')).toString()).toBe(
      'hk-test-a-later-one.',
    )
    learning.learn(createSecret('hk-test-a-later-one'))
    learning.learn(createSecret('sk-test-a-later-one'))
    expect(scanBytes(scan, Buffer.from('hk-test-a-later-one.')).toString()).toBe('hk-[redacted].')
    expect(learning.scanText(`test-a-later-one ${SECRET}`)).toBe('[redacted] [redacted]')
  })

  it('finds a credential that repeats itself', () => {
    const repeating = createEgressScanner([createSecret('hk-abababababac')])
    const scan = repeating.startBody({ isFixedLength: false })
    const out = Array.from('abababababababac', (character) =>
      scanBytes(scan, Buffer.from(character)).toString(),
    )
    expect(out.join('') + endScan(scan).toString()).toBe('abab[redacted]')
  })

  it('finds one that begins within what looks like an escape of something else', () => {
    const hex = createEgressScanner([createSecret('hk-4f60abcdef0123456789')])
    for (const before of ['\\u', '%', '\\x', '\\u00', '&#x', '&#']) {
      expect(hex.scanText(`"${before}4f60abcdef0123456789"`)).not.toContain('abcdef')
    }
  })

  it('finds one whose beginning looks like an escaped line break or zero', () => {
    const rest = 'abcdef0123456789ghijkl'
    for (const [before, first] of [
      ['\\', 'n'],
      ['\\', 'r'],
      ['%', '00'],
      ['\\u', '0000'],
    ] as const) {
      const by = createEgressScanner([createSecret(`hk-${first}${rest}`)])
      for (const write of SPELLINGS) {
        const escaped = Array.from(rest, write).join('')
        for (const size of [1, 7, 1000]) {
          const { text } = scanInPieces(`"${before}${first}${escaped}"`, size, { by })
          expect(text).toBe(`"${before}[redacted]"`)
        }
      }
    }
  })

  it('finds one that begins so, with its other characters escaped', () => {
    const rest = '60abcdef0123456789ghijkl'
    const hex = createEgressScanner([createSecret(`hk-4f${rest}`)])
    for (const write of SPELLINGS) {
      const escaped = Array.from(rest, write).join('')
      for (const before of ['\\u00', '%', '%6', '\\x', '\\\\u00', '&#x', '&#3', '\\u0']) {
        for (const size of [1, 7, 1000]) {
          const { text } = scanInPieces(`"${before}4f${escaped}"`, size, { by: hex })
          expect(text).toMatch(/^"[^"]*\[redacted\]"$/)
        }
      }
    }
  })

  it('finds one that holds what introduces an escape', () => {
    const odd = createEgressScanner([createSecret('hk-ab%z\\q&w/"+cdefghijk')])
    for (const text of ['ab%z\\q&w/"+cdefghijk', '\\u0061b\\u0025z\\q\\u0026w\\/\\"+cdefghijk']) {
      for (const size of SIZES) {
        expect(scanInPieces(`{"a":"${text}"}`, size, { by: odd }).text).toBe('{"a":"[redacted]"}')
      }
    }
  })

  it('knows a name by its letters, whatever their case', () => {
    const mixed = createEgressScanner([createSecret('hk-AbCdEfGhIjKlMnOpQr')])
    expect(mixed.isEachNameSafe(['content-type', 'x-abcdefghijklmnopqr'])).toBe(false)
    expect(mixed.isEachNameSafe(['x-abcdefghi', 'jklmnopqr'])).toBe(true)
  })

  it('of no credential changes nothing', () => {
    expect(createEgressScanner([]).scanText('x'.repeat(1000))).toBe('x'.repeat(1000))
  })

  it('looks for all of a credential whose rest would be too short to tell apart', () => {
    const short = createEgressScanner([createSecret('hk-abc')])
    expect(short.scanText('abc hk-abc')).toBe('abc [redacted]')
  })
})

const SECRET_CHARACTERS = Array.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_',
)
const NOISE = [
  '\\',
  '\\u',
  '\\u00',
  '%',
  '%2',
  '&',
  '&#',
  '&#x',
  '"',
  ' ',
  '\n',
  '\r\n',
  '\\n',
  'a',
  '4',
  '=',
  'é',
]
const SPELLINGS: readonly ((character: string) => string)[] = [
  String,
  String,
  (character) => `%${hexOf(character)}`,
  (character) => `%25${hexOf(character).toUpperCase()}`,
  (character) => `\\u00${hexOf(character)}`,
  (character) => `\\\\\\u00${hexOf(character).toUpperCase()}`,
  (character) => `\\x${hexOf(character)}`,
  (character) => `&#${character.charCodeAt(0)};`,
  (character) => `&#x0${hexOf(character)};`,
  (character) => `\n${character}`,
  (character) => `\\r\\n${character}`,
]

const hexOf = (character: string): string => character.charCodeAt(0).toString(16)

const noise = (dice: Dice): string =>
  Array.from({ length: dice.below(60) }, () => dice.pick(NOISE)).join('')

describe('a credential with each of its characters spelled at random', () => {
  it.each(Array.from({ length: 20 }, (_, seed) => seed))('is replaced (seed %i)', (seed) => {
    const dice = createDice(seed)
    for (let round = 0; round < 50; round++) {
      const length = 20 + dice.below(60)
      const secret = Array.from({ length }, () => dice.pick(SECRET_CHARACTERS)).join('')
      const by = createEgressScanner([createSecret(`hk-${secret}`)])
      const text = dice.chance(0.3) ? base64At(secret, dice.below(3)) : secret
      const spelled = Array.from(text, (character) => dice.pick(SPELLINGS)(character)).join('')
      const [before, after] = [noise(dice), noise(dice)]
      const size = 1 + dice.below(80)
      const { text: passed, hits } = scanInPieces(`${before} ${spelled} ${after}`, size, { by })
      const found = { hits, isReplaced: passed.includes('[redacted]'), spelled, size }
      expect(found).toEqual({ hits: 1, isReplaced: true, spelled, size })
      expect(passed.startsWith(before)).toBe(true)
      expect(passed.endsWith(after)).toBe(true)
    }
  })
})

const base64At = (secret: string, offset: number): string =>
  Buffer.from('.'.repeat(offset) + secret).toString('base64')
