import { describe, expect, it } from 'vitest'

import { createCredentialRing } from '../../src/proxy/bound-credential.ts'
import { createCredentialPool } from '../../src/proxy/credential-pool.ts'
import { endTurns, noteAnswer, startTurns } from '../../src/proxy/credential-turns.ts'
import { createEgressScanner } from '../../src/proxy/egress-scan.ts'
import { createSecret } from '../../src/secret.ts'

// A key file that a program rewrites for days must fill no memory, and a key must stay unseen for as long as an
// answer to a request that was sent with it still runs.

const ORIGIN = 'https://api.example.com'

const keyOf = (index: number): string => `hk-test-${String(index).padStart(40, '0')}`

function createStage() {
  const known = new Set<string>()
  const scanner = createEgressScanner([])
  const ring = createCredentialRing({
    onNew(secret) {
      known.add(secret.reveal())
      scanner.learn(secret)
    },
    onForgotten(secret) {
      known.delete(secret.reveal())
      scanner.forget(secret)
    },
  })
  /** A reload with this key. */
  function use(index: number) {
    const credentials = [{ credential: createSecret(keyOf(index)), weight: 1 }]
    const pool = createCredentialPool(credentials, { origin: ORIGIN, ring })
    ring.retain(new Set(pool.members.map(({ credential }) => credential)))
    return pool
  }
  const rotate = (from: number, count: number): void => {
    for (let i = 0; i < count; i++) use(from + i)
  }
  const isHidden = (index: number): boolean => !scanner.scanText(keyOf(index)).includes('000')
  return { known, ring, use, rotate, isHidden }
}

const TURN = { model: 'm', isRepeatable: true }

describe('keys that were replaced', () => {
  it('are known up to the last 64, however many there were', () => {
    const { known, rotate, isHidden } = createStage()
    rotate(0, 500)
    expect(known.size).toBe(65)
    expect([isHidden(499), isHidden(435), isHidden(434)]).toEqual([true, true, false])
  })

  it('are known while a request runs that was sent with them', () => {
    const { known, use, rotate, isHidden } = createStage()
    const turns = startTurns(use(0), TURN)
    noteAnswer(turns, 200, [])
    rotate(1, 200)
    expect(isHidden(0)).toBe(true)
    endTurns(turns)
    endTurns(turns)
    expect(isHidden(0)).toBe(false)
    expect(known.size).toBe(65)
  })

  it('are known again before a slow request is sent with them', () => {
    const { use, rotate, isHidden } = createStage()
    const pool = use(0)
    rotate(1, 200)
    expect(isHidden(0)).toBe(false)
    const turns = startTurns(pool, TURN)
    expect(isHidden(0)).toBe(true)
    endTurns(turns)
  })

  it('are known for good once they are used again', () => {
    const { use, rotate, isHidden } = createStage()
    use(0)
    rotate(1, 10)
    use(0)
    expect(isHidden(0)).toBe(true)
    rotate(20, 64)
    expect(isHidden(0)).toBe(true)
    rotate(100, 1)
    expect(isHidden(0)).toBe(false)
  })

  it('can be led to no other origin, though they are forgotten', () => {
    const { ring, rotate } = createStage()
    rotate(0, 200)
    expect(ring.isBoundElsewhere('https://evil.example', createSecret(keyOf(0)))).toBe(true)
    expect(ring.isBoundElsewhere(ORIGIN, createSecret(keyOf(0)))).toBe(false)
  })
})
