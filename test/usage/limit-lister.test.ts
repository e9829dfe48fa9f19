import { describe, expect, it } from 'vitest'

import { createLimitLister } from '../../src/usage/budget.ts'
import { createCalendar } from '../../src/usage/calendar.ts'
import { makeReservation, moneyCap, NOON } from '../helpers/ledger.ts'

const DAY_MS = 86_400_000

describe('the limits of clients that share a list of caps', () => {
  const caps = [moneyCap(100), moneyCap(1000, { scope: 'instance' })]
  const ask = (clientId: string, at = NOON) => makeReservation({ clientId, caps, at })

  it('are each client’s own, and made once a day', () => {
    const listLimits = createLimitLister(createCalendar('UTC'))
    const [alice, bob] = [listLimits(ask('alice')), listLimits(ask('bob'))]

    expect(alice.map(({ counterKey }) => counterKey)).toEqual([
      'CNY/2026-10-14/client:alice',
      'CNY/2026-10-14/instance',
    ])
    expect(bob[0]?.counterKey).toBe('CNY/2026-10-14/client:bob')
    expect(listLimits(ask('alice'))).toBe(alice)
    expect(listLimits(ask('bob'))).toBe(bob)
    expect(listLimits(ask('alice', NOON + DAY_MS))[0]?.counterKey).toBe(
      'CNY/2026-10-15/client:alice',
    )
  })

  it('are right for more clients than are kept in mind', () => {
    const listLimits = createLimitLister(createCalendar('UTC'))
    const keys = new Set<string | undefined>()
    for (let i = 0; i < 2500; i++) keys.add(listLimits(ask(`ip:${i}`))[0]?.counterKey)
    expect(keys.size).toBe(2500)
    expect(listLimits(ask('ip:7'))[0]?.counterKey).toBe('CNY/2026-10-14/client:ip:7')
  })
})
