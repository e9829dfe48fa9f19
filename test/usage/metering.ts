import { expect } from 'vitest'

import { createDemandMeter } from '../../src/usage/demand.ts'
import type { Endpoint } from '../../src/usage/endpoint.ts'
import { type AnsweredHead, createMeter } from '../../src/usage/meter.ts'
import type { Reading } from '../../src/usage/settle.ts'
import { NO_USAGE, type Usage } from '../../src/usage/usage.ts'

export interface Case {
  readonly endpoint: Endpoint
  readonly request?: unknown
  readonly head?: Partial<AnsweredHead>
  readonly answer: string | object
  /** False when it broke off. */
  readonly isWhole?: boolean
}

export const EVENTS = { isEventStream: true, contentType: 'text/event-stream' }
const PIECES = [1, 3, 17, 64, Number.POSITIVE_INFINITY]

function meter({ endpoint, request, head, answer, isWhole = true }: Case, piece: number): Reading {
  const demand = createDemandMeter(endpoint)
  demand.write(Buffer.from(JSON.stringify(request ?? {})))
  const metered = createMeter({ endpoint, demand: demand.read })
  metered.begin({ status: 200, isEventStream: false, contentType: 'application/json', ...head })
  const bytes = Buffer.from(typeof answer === 'string' ? answer : JSON.stringify(answer))
  for (let at = 0; at < bytes.length; at += piece) metered.write(bytes.subarray(at, at + piece))
  return metered.read(isWhole)
}

/** However the answer is cut, it is read alike. */
export function read(asked: Case): Reading {
  const reading = meter(asked, Number.POSITIVE_INFINITY)
  for (const piece of PIECES) expect(meter(asked, piece)).toEqual(reading)
  return reading
}

export const exact = (usage: Partial<Usage>): object => ({
  usage: { ...NO_USAGE, ...usage },
  isEstimated: false,
  isBilled: true,
})
export const estimate = (usage: Partial<Usage>): object => ({ ...exact(usage), isEstimated: true })
export const NOTHING = { usage: NO_USAGE, isEstimated: false, isBilled: false }
