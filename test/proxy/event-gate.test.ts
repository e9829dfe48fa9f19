import { describe, expect, it } from 'vitest'

import { createEventGate } from '../../src/proxy/event-gate.ts'

/** A gate that lets `allowed` events pass, and what has passed. */
function start(allowed: number) {
  const passed: string[] = []
  const state = { allowed }
  const gate = createEventGate({
    pass: (bytes) => passed.push(bytes.toString()) > 0,
    mayGoOn: () => passed.length < state.allowed,
  })
  return { gate, passed, state }
}

const EVENTS = 'data: 1\n\ndata: 2\r\n\r\ndata: 3\n\n'

describe('an event gate', () => {
  it('passes event by event, and holds back what follows the last that may', () => {
    const { gate, passed, state } = start(2)
    expect(gate.write(Buffer.from(EVENTS))).toBe(false)
    expect(passed).toEqual(['data: 1\n\n', 'data: 2\r\n\r\n'])
    expect(gate.isHeld()).toBe(true)
    state.allowed = 10
    gate.resume()
    expect(passed.at(-1)).toBe('data: 3\n\n')
    expect(gate.isHeld()).toBe(false)
  })

  it('keeps the order of what comes while it holds', () => {
    const { gate, passed, state } = start(1)
    gate.write(Buffer.from('data: 1\n\nda'))
    gate.write(Buffer.from('ta: 2\n\n'))
    expect(passed).toEqual(['data: 1\n\n'])
    state.allowed = 10
    gate.resume()
    expect(passed.join('')).toBe('data: 1\n\ndata: 2\n\n')
  })

  it('tells the end only when everything has passed', () => {
    const { gate, passed, state } = start(1)
    let hasEnded = false
    gate.write(Buffer.from(EVENTS))
    gate.end(() => (hasEnded = true))
    state.allowed = 2
    gate.resume()
    expect([passed.length, hasEnded]).toEqual([2, false])
    state.allowed = 10
    gate.resume()
    expect([passed.join(''), hasEnded]).toEqual([EVENTS, true])
  })

  it('holds back nothing, also when the last event that may pass was the last there is', () => {
    const { gate, state } = start(1)
    gate.write(Buffer.from('data: 1\n\n'))
    let hasEnded = false
    gate.end(() => (hasEnded = true))
    expect(hasEnded).toBe(false)
    state.allowed = 10
    gate.resume()
    expect(hasEnded).toBe(true)
  })
})
