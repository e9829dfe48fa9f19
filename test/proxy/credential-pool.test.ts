import { describe, expect, it } from 'vitest'

import { createCredentialRing } from '../../src/proxy/bound-credential.ts'
import { createCredentialPool, type Turn } from '../../src/proxy/credential-pool.ts'
import { createSecret } from '../../src/secret.ts'

const ORIGIN = 'https://api.example.com'
const MODEL = 'gpt-4o'

/** A pool of credentials a, b, c … with these weights, on a clock that stands still until it is set. */
function createPool(weights: readonly number[] = [1, 1]) {
  const clock = { now: 0 }
  const ring = createCredentialRing({ onNew() {} })
  const names = Array.from('abcdefg').slice(0, weights.length)
  const pool = createCredentialPool(
    weights.map((weight, index) => ({
      credential: createSecret(`hk-test-${names[index]}`),
      weight,
    })),
    { origin: ORIGIN, ring, now: () => clock.now },
  )
  const nameOf = (turn: Turn | undefined): string | undefined =>
    turn?.credential.secret.reveal().slice('hk-test-'.length)

  function begin(model = MODEL): Turn {
    const turn = pool.begin(model)
    if (turn === undefined) throw new Error('the pool is empty')
    return turn
  }
  function use(
    status: number | undefined,
    model = MODEL,
    retryAfterMs?: number,
  ): string | undefined {
    const turn = begin(model)
    pool.end(turn, status === undefined ? undefined : { status, retryAfterMs })
    return nameOf(turn)
  }
  const useMany = (count: number, model = MODEL): string =>
    Array.from({ length: count }, () => use(200, model)).join('')
  return { pool, ring, clock, begin, use, useMany, nameOf }
}

describe('the choice of a credential', () => {
  it.each([
    [[1, 1], 'abababab'],
    [[2, 1], 'abaabaab'],
    [[5, 1, 1], 'aabacaaa'],
    [[1], 'aaaaaaaa'],
  ])('follows the weights %j smoothly', (weights, order) => {
    expect(createPool(weights).useMany(8)).toBe(order)
  })

  it('adds up the weights of a credential that is named twice', () => {
    const { ring } = createPool()
    const credential = createSecret('hk-test-a')
    const pool = createCredentialPool(
      [
        { credential, weight: 1 },
        { credential: createSecret('hk-test-a'), weight: 2 },
      ],
      { origin: ORIGIN, ring },
    )
    expect(pool.members).toMatchObject([{ weight: 3 }])
  })

  it('can leave one out, and says so when there is no other', () => {
    const { pool, begin, nameOf } = createPool()
    const first = begin()
    expect(nameOf(first)).toBe('a')
    expect(nameOf(pool.begin(MODEL, first.credential))).toBe('b')
    const single = createPool([1])
    expect(single.pool.begin(MODEL, single.begin().credential)).toBeUndefined()
  })
})

describe('a refused credential', () => {
  it.each([401, 403, 428, 429])('rests after %i', (status) => {
    const { use, useMany } = createPool()
    expect(use(status)).toBe('a')
    expect(useMany(4)).toBe('bbbb')
  })

  it.each([200, 400, 404, 500, 503, undefined])('is none after %s', (status) => {
    const { use, useMany } = createPool()
    use(status)
    expect(useMany(4)).toBe('baba')
  })

  it('rests from the model alone', () => {
    const { use, useMany } = createPool()
    use(429)
    expect(useMany(3, 'other')).toBe('bab')
    expect(useMany(3)).toBe('bbb')
  })

  it('rests as long as the upstream asks for', () => {
    const { clock, use, useMany } = createPool()
    use(429, MODEL, 90_000)
    clock.now = 89_999
    expect(useMany(2)).toBe('bb')
    clock.now = 90_000
    expect(useMany(2)).toContain('a')
  })

  it('rests an hour at the most', () => {
    const { clock, use, useMany } = createPool()
    use(429, MODEL, 1e15)
    clock.now = 3_600_000
    expect(useMany(2)).toContain('a')
  })

  it('rests twice as long each time, up to five minutes, and from the beginning after a success', () => {
    const { clock, pool, begin, useMany } = createPool([1])
    const restMs = (): number => {
      pool.end(begin(), { status: 401 })
      const [coolDown] = pool.members[0]?.credential.coolDowns.list() ?? []
      const { until = 0 } = coolDown ?? {}
      const rest = until - clock.now
      clock.now = until
      return rest
    }
    const rests = Array.from({ length: 9 }, restMs)
    expect(rests.map((ms) => ms / 1000)).toEqual([5, 10, 20, 40, 80, 160, 300, 300, 300])
    useMany(1)
    expect(restMs()).toBe(5000)
  })

  it('counts requests that ran side by side as one failure', () => {
    const { clock, pool, begin } = createPool([1])
    const turns = Array.from({ length: 10 }, () => begin())
    for (const turn of turns) {
      clock.now += 10
      pool.end(turn, { status: 429 })
    }
    const coolDowns = pool.members[0]?.credential.coolDowns.list()
    expect(coolDowns).toMatchObject([{ failures: 1, status: 429, until: clock.now + 5000 }])
  })

  it('is not taken back for a success that began before', () => {
    const { clock, pool, begin, use, useMany } = createPool()
    const early = begin()
    clock.now = 1
    expect(use(200)).toBe('b')
    expect(use(429)).toBe('a')
    pool.end(early, { status: 200 })
    expect(useMany(2)).toBe('bb')
  })
})

describe('a rest that is over', () => {
  it('lets one request through to find out, and the others when it succeeded', () => {
    const { clock, pool, begin, use, useMany, nameOf } = createPool()
    use(401)
    clock.now = 5000
    const turns = [begin(), begin(), begin(), begin()]
    expect(turns.filter((turn) => nameOf(turn) === 'a')).toHaveLength(1)
    const probe = turns.find((turn) => nameOf(turn) === 'a')
    expect(probe?.isProbe).toBe(true)
    expect(useMany(2)).toBe('bb')
    if (probe !== undefined) pool.end(probe, { status: 200 })
    expect(useMany(2)).toContain('a')
  })

  it.each([
    ['without an answer', undefined],
    ['with a failure of the upstream itself', { status: 503 }],
  ])('lets another through when the first ended %s', (_how, answer) => {
    const { clock, pool, begin, use, nameOf } = createPool()
    use(401)
    clock.now = 5000
    const probe = [begin(), begin()].find((turn) => turn.isProbe)
    if (probe !== undefined) pool.end(probe, answer)
    const next = [begin(), begin()].find((turn) => nameOf(turn) === 'a')
    expect(next?.isProbe).toBe(true)
  })

  it('lets another through when the first takes more than a minute', () => {
    const { clock, begin, use, nameOf } = createPool()
    use(401)
    clock.now = 5000
    expect([begin(), begin()].filter((turn) => turn.isProbe)).toHaveLength(1)
    clock.now = 64_999
    expect([begin(), begin()].map(nameOf)).toEqual(['b', 'b'])
    clock.now = 65_000
    expect([begin(), begin()].filter((turn) => turn.isProbe)).toHaveLength(1)
  })

  it('begins anew when the request is refused', () => {
    const { clock, pool, begin, use, useMany } = createPool()
    use(401)
    clock.now = 5000
    const probe = [begin(), begin()].find((turn) => turn.isProbe)
    if (probe !== undefined) pool.end(probe, { status: 403 })
    clock.now = 14_999
    expect(useMany(3)).toBe('bbb')
    clock.now = 15_000
    expect(useMany(2)).toContain('a')
  })
})

describe('credentials that all rest', () => {
  it('are used all the same, the one first whose rest ends first', () => {
    const { use } = createPool()
    expect(use(429, MODEL, 60_000)).toBe('a')
    expect(use(429, MODEL, 10_000)).toBe('b')
    expect(use(429, MODEL, 90_000)).toBe('b')
    expect(use(200)).toBe('a')
  })

  it('give way to the one that works again', () => {
    const { use, useMany } = createPool()
    use(429, MODEL, 60_000)
    use(429, MODEL, 10_000)
    expect(useMany(3)).toBe('bbb')
  })

  it('are used when there is only one, however often it is refused', () => {
    const { use } = createPool([1])
    for (const status of [401, 403, 428, 429, 429]) expect(use(status)).toBe('a')
  })
})

describe('the table of rests', () => {
  it('is bounded, whatever clients call their models', () => {
    const { pool, use } = createPool([1])
    for (let i = 0; i < 1000; i++) use(429, `model-${i}`)
    const models = pool.members[0]?.credential.coolDowns.list().map(({ model }) => model)
    expect(models).toHaveLength(256)
    expect(models?.at(-1)).toBe('model-999')
  })

  it('keeps a long rest, however many models are invented', () => {
    const { use, useMany } = createPool()
    use(429, MODEL, 600_000)
    for (let i = 0; i < 1000; i++) use(429, `model-${i}`)
    expect(new Set(useMany(4)).size).toBe(1)
  })

  it('keeps no more than a bounded part of a name', () => {
    const { pool, use, useMany } = createPool()
    const long = 'x'.repeat(1_000_000)
    use(429, long)
    expect(pool.members[0]?.credential.coolDowns.list()[0]?.model).toHaveLength(100)
    expect(useMany(2, long)).toBe('bb')
  })
})

describe('what is known of a credential', () => {
  it('is shared by the pools of one origin and by no other origin', () => {
    const { ring, use } = createPool()
    use(429)
    const bind = (origin: string) => ring.bind(origin, createSecret('hk-test-a'))
    expect(bind(ORIGIN).coolDowns.list()).toHaveLength(1)
    expect(bind('https://other.example.com').coolDowns.list()).toHaveLength(0)
  })

  it('counts each attempt once, by its outcome', () => {
    const { pool, begin } = createPool([1])
    for (const status of [200, 404, 401, 403, 428, 429, 502, undefined]) {
      const turn = begin()
      pool.end(turn, status === undefined ? undefined : { status })
      pool.end(turn)
    }
    expect(pool.members[0]?.credential.outcomes).toEqual({
      ok: 2,
      401: 1,
      403: 1,
      428: 1,
      429: 1,
      error: 1,
      unanswered: 1,
    })
  })

  it('names it by a fingerprint', () => {
    const { ring } = createPool()
    const { fingerprint } = ring.bind(ORIGIN, createSecret('hk-test-a'))
    expect(fingerprint).toMatch(/^[0-9a-f]{8}$/)
  })

  it('is told of before anything can be sent', () => {
    const told: string[] = []
    const ring = createCredentialRing({ onNew: (secret) => told.push(secret.reveal()) })
    ring.bind(ORIGIN, createSecret('hk-test-a'))
    ring.bind(ORIGIN, createSecret('hk-test-a'))
    expect(told).toEqual(['hk-test-a'])
  })
})
