import { describe, expect, it } from 'vitest'

import { lastingCopy } from '../src/lasting-copy.ts'
import { createBodyFieldScanner } from '../src/policy/body-fields.ts'
import { createRepeatedEvent, learnEvent } from '../src/proxy/repeated-event.ts'
import { askForUsage } from '../src/usage/ask-for-usage.ts'
import { createJsonNames } from '../src/usage/scan/json-names.ts'
import { WANT } from '../src/usage/scan/json-reader.ts'
import { createSameShape, learnLine } from '../src/usage/scan/same-shape.ts'
import { createScanState } from '../src/usage/scan/scan-state.ts'
import { createShapePool, type Shape } from '../src/usage/scan/shape-pool.ts'
import { createTextTally } from '../src/usage/scan/text-tally.ts'

// What Node takes small buffers from would be kept for as long as a stream lasts, 64 KiB for a few bytes.

const EVENT = 'data: {"choices":[{"index":0,"delta":{"content":"hello"}}]}\n\n'

const WITHOUT_TEXT = EVENT.length - 'hello'.length
const LITERAL = EVENT.replace(':0', ':')

/** What stays the same in the events of a shape, and how much memory that takes. */
function measure(shape: Shape | undefined): [text: string, bytes: number] {
  const literals = [shape?.head.literal, shape?.tail.literal]
  const bytes = literals.map((literal) => literal?.buffer.byteLength ?? 0)
  return [literals.join('|'), bytes.reduce((sum, each) => sum + each)]
}

describe('what is kept for as long as a stream lasts', () => {
  it('is a copy with memory of its own', () => {
    const bytes = Buffer.from('event')
    const copy = lastingCopy(bytes, Buffer.from('s'))
    bytes.fill(0)
    expect(copy.toString()).toBe('events')
    expect(copy.buffer.byteLength).toBe(copy.length)
  })

  it('of an event that others may repeat takes no more than the event', () => {
    const repeated = createRepeatedEvent(createShapePool(createJsonNames([])))
    learnEvent(repeated, Buffer.from(EVENT))
    expect(measure(repeated.shape)).toEqual([LITERAL.replace('hello', '|'), WITHOUT_TEXT])
  })

  it('of a line that others may be like takes no more than the line', () => {
    const scan = createScanState({
      names: createJsonNames([]),
      text: createTextTally(),
      onName: () => WANT.NOTHING,
      onValue() {},
      onElement() {},
      onEnd() {},
    })
    const [textFrom, textEnd] = [EVENT.indexOf('hello'), EVENT.indexOf('}}]}')]
    Object.assign(scan, { texts: 1, ends: 1, textFrom, textEnd })
    const same = createSameShape(scan)
    learnLine(same, Buffer.from(EVENT), 0, EVENT.length)
    expect(measure(same.shape)).toEqual([LITERAL.replace('hello', '|'), WITHOUT_TEXT])
  })

  it('of a body that asks for its usage takes no more than the body', () => {
    const body = Buffer.from('{"stream":true}')
    const scanner = createBodyFieldScanner()
    scanner.write(body)
    const asking = askForUsage(body, scanner.layout())
    if (typeof asking === 'string') throw new Error(asking)
    expect(asking.content.buffer.byteLength).toBe(asking.content.length)
  })
})
