import type { ServerResponse } from 'node:http'

import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { collectSse } from '../helpers/sse.ts'
import { startUpstream } from '../helpers/upstream.ts'

// What a client gets whose stream is cut because its budget is spent: whole events, why, and the end that its family has.

interface Family {
  readonly path: string
  readonly delta: string
  readonly isErrorNamed: boolean
  readonly end: string
  /** What the last events of a whole stream hold. */
  readonly lastEvents: readonly string[]
}

const event = (data: object, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(data)}\n\n`

const choice = (rest: object): string => event({ choices: [{ index: 0, ...rest }] })

const FAMILIES: readonly Family[] = [
  {
    path: '/v1/chat/completions',
    delta: choice({ delta: { content: 'word ' }, finish_reason: null }),
    end: choice({ delta: {}, finish_reason: 'stop' }),
    isErrorNamed: false,
    lastEvents: ['"finish_reason":"stop"', '"completion_tokens":600', '[DONE]'],
  },
  {
    path: '/v1/completions',
    delta: choice({ text: 'word ', finish_reason: null }),
    end: choice({ text: '', finish_reason: 'stop' }),
    isErrorNamed: false,
    lastEvents: ['"finish_reason":"stop"', '"completion_tokens":600', '[DONE]'],
  },
  {
    path: '/v1/responses',
    delta: event(
      { type: 'response.output_text.delta', delta: 'word ' },
      'response.output_text.delta',
    ),
    end: event({ type: 'response.completed', response: {} }, 'response.completed'),
    isErrorNamed: true,
    lastEvents: ['response.completed'],
  },
]

/** Writes text in pieces of so many bytes, each its own read of the socket, until the other side leaves. */
async function writeInPieces(response: ServerResponse, text: string, bytes: number): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (let at = 0; at < text.length && !response.destroyed; at += bytes) {
    response.write(text.slice(at, at + bytes))
    await new Promise((resolve) => setImmediate(resolve))
  }
  response.end()
}

async function askFor(family: Family, { cap, words, bytes, usage = '', lineEnd = '\n' }: Plan) {
  const text =
    family.delta.repeat(words) +
    family.end +
    usage +
    (family.isErrorNamed ? '' : 'data: [DONE]\n\n')
  const upstream = await startUpstream((_, response) =>
    writeInPieces(response, text.replaceAll('\n', lineEnd), bytes),
  )
  const gateway = await startGateway({
    upstream: upstream.origin,
    env: { BUDGET_PER_DAY: micros(cap), PRICING_FILE: priceFile() },
  })
  const answer = await gateway.fetch(family.path, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'by-token', stream: true, messages: [], stream_options: ASKED }),
  })
  expect(answer.status).toBe(200)
  const events = await collectSse(answer)
  const [entry] = await readEntries(gateway, 1)
  return { events, entry, upstream, gateway }
}

const ASKED = { include_usage: true }

interface Plan {
  readonly cap: number
  readonly words: number
  /** Of each piece that the upstream writes. */
  readonly bytes: number
  readonly usage?: string
  readonly lineEnd?: string
}

describe.each(FAMILIES)('a stream of $path that spends its budget', (family) => {
  it.each([97, 1500])('is cut between two events, also in pieces of %i bytes', async (bytes) => {
    const { events, entry, upstream } = await askFor(family, { cap: 500, words: 5000, bytes })
    const told = events.map(({ data }) => data).filter((data) => data !== '[DONE]')
    // Every one of them is whole.
    const last: unknown = told.map((data): unknown => JSON.parse(data)).at(-1)
    expect(JSON.stringify(last)).toContain('"code":"budget_exceeded"')
    expect(events.at(-1)?.data === '[DONE]').toBe(!family.isErrorNamed)
    expect(events.at(-1)?.event).toBe(family.isErrorNamed ? 'error' : undefined)
    const words = told.length - 1
    expect(entry).toMatchObject({ ending: 'aborted', isEstimated: true, status: 200 })
    expect(entry?.costMicros).toBeGreaterThan(500)
    expect(entry?.costMicros).toBeLessThanOrEqual(503)
    expect(Math.abs(words * 1.25 - (entry?.outputTokens ?? 0))).toBeLessThan(5)
    await upstream.received[0]?.closed
  })

  it('is cut so where lines end with CR alone', async () => {
    const { events, entry } = await askFor(family, {
      cap: 500,
      words: 5000,
      bytes: 97,
      lineEnd: '\r',
    })
    expect(JSON.stringify(events)).toContain('budget_exceeded')
    expect(entry?.costMicros).toBeGreaterThan(500)
    expect(entry?.costMicros).toBeLessThanOrEqual(503)
  })

  it('is whole when the model finishes with the last of it', async () => {
    // 300 words are 375 tokens by their characters; the upstream counts more than there is.
    const usage = family.isErrorNamed ? '' : event({ choices: [], usage: USAGE })
    const { events, entry } = await askFor(family, { cap: 380, words: 300, bytes: 4096, usage })
    expect(JSON.stringify(events)).not.toContain('budget_exceeded')
    const last = events.slice(-family.lastEvents.length).map(({ data }) => data)
    expect(last).toEqual(family.lastEvents.map((text): unknown => expect.stringContaining(text)))
    expect(entry).toMatchObject({ ending: 'completed', isEstimated: family.isErrorNamed })
  })
})

const USAGE = { prompt_tokens: 1, completion_tokens: 600, total_tokens: 601 }

describe('an event that never ends', () => {
  it('is cut when it has spent the budget, whoever gets to see it', async () => {
    const [family] = FAMILIES
    if (family === undefined) throw new Error('no family')
    const delta = `data: {"choices":[{"index":0,"delta":{"content":"${'abcd'.repeat(40_000)}`
    const endless = { ...family, delta }
    const { events, entry } = await askFor(endless, { cap: 500, words: 1, bytes: 2048 })
    expect(events.map(({ data }) => data)).toEqual([
      expect.stringContaining('"code":"budget_exceeded"'),
      '[DONE]',
    ])
    // No more than 1 KiB of it.
    expect(entry?.costMicros).toBeLessThanOrEqual(500 + 256)
  })
})
