import { expect, it } from 'vitest'

import { toStoredEntry } from '../../src/usage/entry-codec.ts'
import { makeEntry, makeReservation } from '../helpers/ledger.ts'

it.each([
  ['a half of a pair', 'demo-\ud83d'],
  ['a pair that is cut', `${'x'.repeat(99)}😀`],
])('keeps a model that is named with %s as text that can be read back', (_what, model) => {
  const stored = toStoredEntry(makeEntry(makeReservation({ model }), 1))
  expect(Buffer.from(stored.model).toString()).toBe(stored.model)
})
