import { describe, expect, it } from 'vitest'

import { createEventGate } from '../../src/proxy/event-gate.ts'

/** A gate that lets `allowed` events pass, and what has passed. */
function start(allowed: number) {
  const passed: string[] = []
  const state = { allowed, mayGoOn: (): boolean => passed.length < state.allowed }
  const gate = createEventGate({
    pass: (bytes) => passed.push(bytes.toString()) > 0,
    mayGoOn: () => state.mayGoOn(),
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

  it('does not wait with the end for what could only follow', () => {
    const { gate, passed } = start(1)
    gate.write(Buffer.from('data: 1\n\n'))
    let hasEnded = false
    gate.end(() => (hasEnded = true))
    expect([passed, hasEnded]).toEqual([['data: 1\n\n'], true])
  })

  it.each([1, 2, 3, 5])('cuts no event in two, in whatever pieces of %i it comes', (size) => {
    const { gate, passed, state } = start(Infinity)
    let asked = 0
    state.mayGoOn = () => ++asked < 2
    const bytes = Buffer.from(EVENTS)
    for (let at = 0; at < bytes.length; at += size) gate.write(bytes.subarray(at, at + size))
    expect(passed.join('')).toBe('data: 1\n\ndata: 2\r\n\r\n')
    state.mayGoOn = () => true
    gate.resume()
    expect(passed.join('')).toBe(EVENTS)
  })

  it.each([100, 1024, 65_536])('asks about an event that does not end, in pieces of %i', (size) => {
    const { gate, passed, state } = start(Infinity)
    let asked = 0
    state.mayGoOn = () => ++asked < 4
    for (let i = 0; i < 100; i++) gate.write(Buffer.from('x'.repeat(size)))
    expect(gate.isHeld()).toBe(true)
    expect(asked).toBe(4)
    expect(passed.join('')).toHaveLength(4096)
  })

  // Legal line ends of the standard: whoever ends lines with CR alone was asked about once in many events.
  describe.each([
    ['LF', '\n'],
    ['CR', '\r'],
    ['CRLF', '\r\n'],
  ])('with lines that end with %s', (_name, lineEnd) => {
    const event = (n: number): string => `event: x${lineEnd}data: ${n}${lineEnd}${lineEnd}`

    it.each([1, 2, 3, 7, 1000])('holds back what follows an event, in pieces of %i', (size) => {
      const { gate, passed, state } = start(Infinity)
      let asked = 0
      state.mayGoOn = () => ++asked < 3
      const bytes = Buffer.from([1, 2, 3, 4, 5].map(event).join(''))
      for (let at = 0; at < bytes.length; at += size) gate.write(bytes.subarray(at, at + size))
      expect(passed.join('')).toBe([1, 2, 3].map(event).join(''))
      let hasEnded = false
      gate.end(() => (hasEnded = true))
      state.mayGoOn = () => true
      gate.resume()
      expect(passed.join('')).toBe(bytes.toString())
      expect(hasEnded).toBe(true)
    })

    it('asks once for each event', () => {
      const { gate, state } = start(Infinity)
      let asked = 0
      state.mayGoOn = () => ++asked > 0
      for (const n of [1, 2, 3]) gate.write(Buffer.from(event(n)))
      gate.write(Buffer.from(': '))
      expect(asked).toBe(3)
    })
  })
})
