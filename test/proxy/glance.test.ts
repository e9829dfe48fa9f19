import { describe, expect, it } from 'vitest'

import { createGlance } from '../../src/proxy/glance.ts'
import { buildSecretForms } from '../../src/proxy/secret-forms.ts'

const SECRET = 'hk-test-0123456789abcdefghijklmnopqrstuvwxyz0123456789'
const forms = buildSecretForms(SECRET).map((form) => Buffer.from(form, 'latin1'))
const glance = createGlance(forms)

/** Of every length: bytes are looked at here and there. */
const LENGTHS = Array.from({ length: 80 }, (_, length) => length)
const LONG_ID = `chatcmpl-${'0a1b2c3d'.repeat(8)}`

describe('a glance', () => {
  it.each([
    ['at its end', (text: string) => `data: {"id":"${LONG_ID}","text":"${text}"}\n\n`],
    [
      'within it',
      (text: string) => `event: delta\ndata: {"id":"${LONG_ID}","x":"${text}"}\r\n\r\n`,
    ],
  ])('is not taken in by an event with line ends %s', (_where, write) => {
    for (const length of LENGTHS) {
      const event = Buffer.from(write('- '.repeat(length)))
      expect(glance.mayHoldForm(event, false)).toBe(false)
    }
  })

  it('sees every form in one line or wrapped, wherever it stands', () => {
    for (const form of forms.map(String)) {
      for (const length of LENGTHS) {
        const wrapped = `${form.slice(0, length)}\n${form.slice(length)}`
        for (const text of [form, wrapped]) {
          const event = Buffer.from(`data: ${'-'.repeat(length)} ${text}\n\n`)
          expect(glance.mayHoldForm(event, false)).toBe(true)
        }
      }
    }
  })
})
