import { describe, expect, it } from 'vitest'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { startGateway } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { priceFile } from '../helpers/prices.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// The model that Keystow checks is the one in the body. An upstream may take it from the path (/v1/engines/<model>),
// from the query (a form read in Go prefers `?model=` to a multipart field), from a list to fall back to, or, for a realtime call that
// then passes Keystow by, from its session; a family
// such as Midjourney takes none, so that a request there may call itself by any model that is allowed, and cheap.

const LISTED = 'ks-test-listed'
const CAPPED = 'ks-test-capped'
const hash = (token: string): string => hashClientToken(token).toString('hex')
const YAML = `routes: { suno: { prefix: /suno }, luma: { prefix: /luma } }
clients:
  - { id: listed, tokenHash: ${hash(LISTED)}, models: [both, demo-*, suno, '*-mini'] }
  - { id: capped, tokenHash: ${hash(CAPPED)}, budgetPerDay: 1 }
`

async function start() {
  const upstream = await startUpstream(echo)
  const env = { PRICING_FILE: priceFile() }
  const gateway = await startGateway({ upstream: upstream.origin, yaml: YAML, env })
  const post = async (token: string, path: string, body: object | string) => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' }
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const answer = await gateway.fetch(path, { method: 'POST', headers, body: text })
    return { status: answer.status, text: await answer.text() }
  }
  return { upstream, gateway, post }
}

describe('a client that may use some models', () => {
  it.each([
    ['in the path', '/v1/engines/dear/completions', { model: 'both' }],
    ['in the path of another API', '/v1/models/dear:generateContent', { model: 'both' }],
    ['in the path alone', '/v1/engines/dear/completions', {}],
    ['in the path, encoded', '/v1/engines/%64ear/completions', { model: 'both' }],
    ['in the path, in another spelling', '/v1/Engines;a/dear/completions', { model: 'both' }],
    ['in the query', '/v1/chat/completions?model=dear', { model: 'both' }],
    ['in the query, encoded', '/v1/chat/completions?mod%65l=dear', { model: 'both' }],
    ['in the query, as a list', '/v1/chat/completions?model[]=dear', { model: 'both' }],
    ['in the query, behind a semicolon', '/v1/chat/completions?a=1;model=dear', { model: 'both' }],
    ['in the query alone', '/v1/chat/completions?model=both', {}],
    ['in a list to fall back to', '/v1/chat/completions', { model: 'both', models: ['dear'] }],
    ['as a fallback', '/v1/chat/completions', { model: 'both', fallbacks: ['dear'] }],
    ['in a realtime session', '/v1/realtime/calls', { model: 'both', session: { model: 'dear' } }],
    ['in front of a NUL', '/v1/chat/completions', { model: 'dear\0-mini' }],
    ['in front of a line end', '/v1/chat/completions', { model: 'dear\n-mini' }],
    ['by the name of a family', '/mj/submit/imagine', { model: 'both', prompt: 'x' }],
    ['in a family that is allowed', '/suno/generate', { model: 'dear' }],
  ])('names no other %s', async (_where, path, body) => {
    const { upstream, post } = await start()
    const { status, text } = await post(LISTED, path, body)
    expect(status).toBe(403)
    expect(text).toContain('"param":"model"')
    expect(upstream.received).toEqual([])
  })

  it.each([
    ['in the body', '/v1/chat/completions?a=1', { model: 'both' }],
    ['twice over', '/v1/chat/completions?model=both', { model: 'both' }],
    ['in the path', '/v1/engines/demo-1/completions', {}],
    ['in the path and the body', '/v1/engines/demo-1/completions', { model: 'both' }],
    ['by the name of a family', '/suno/generate', { prompt: 'x' }],
    ['by that and its model', '/suno/generate', { model: 'both' }],
  ])('names those %s', async (_where, path, body) => {
    const { post } = await start()
    expect((await post(LISTED, path, body)).status).toBe(200)
  })
})

describe('a client with a budget', () => {
  it.each([
    ['in the query', '/v1/chat/completions?model=dear', { model: 'both' }],
    ['in the path', '/v1/engines/dear/completions', { model: 'both' }],
    ['in the path of a family', '/luma/v1beta/models/dear:generateContent', { model: 'both' }],
    ['in a list to fall back to', '/v1/chat/completions', { model: 'both', models: ['dear'] }],
    ['in a realtime session', '/v1/realtime/calls', { model: 'both', session: { model: 'dear' } }],
  ])('names no other model than it pays %s', async (_where, path, body) => {
    const { upstream, post } = await start()
    expect((await post(CAPPED, path, body)).status).toBe(403)
    expect(upstream.received).toEqual([])
  })

  it('pays for Midjourney what that costs, whatever it calls it', async () => {
    const { gateway, post } = await start()
    const body = { model: 'by-token', prompt: 'x' }
    expect((await post(CAPPED, '/mj/submit/imagine', body)).status).toBe(200)
    const [entry] = await readEntries(gateway, 1)
    expect(entry).toMatchObject({ costMicros: 50 })
  })

  it.each([
    ['a cheap one', 'by-token', 70],
    ['one that costs less a call', 'mj', 70],
    ['one that costs more a call', 'by-call', 100],
    ['one without a price', 'chirp', 70],
    ['none', undefined, 70],
  ])('pays for a family at least what that costs, if it names %s', async (_, model, costMicros) => {
    const { gateway, post } = await start()
    expect((await post(CAPPED, '/suno/generate', { model, prompt: 'x' })).status).toBe(200)
    const [entry] = await readEntries(gateway, 1)
    expect(entry).toMatchObject({ costMicros })
  })

  it.each([
    ['a family without a price', '/luma/generations', 'by-call'],
    ['an image', '/v1/images/generations', 'by-second'],
    ['talk', '/v1/chat/completions', 'picture'],
    ['speech', '/v1/audio/speech', 'both'],
  ])('does not pay for %s with a price of something else', async (_what, path, model) => {
    const { upstream, post } = await start()
    const { status, text } = await post(CAPPED, path, { model, prompt: 'x', input: 'x' })
    expect(status).toBe(403)
    expect(text).toContain('has no price for this')
    expect(upstream.received).toEqual([])
  })

  // The work goes on when the answer has ended, and what it used is told to whoever asks later: not here.
  it.each([true, 'true', 1])('asks for nothing in the background: %s', async (background) => {
    const { upstream, post } = await start()
    for (const path of ['/v1/responses', '/v1/Responses', '/luma/v1/responses']) {
      const { status, text } = await post(CAPPED, path, { model: 'both', input: 'x', background })
      expect(status).toBe(403)
      expect(text).toContain('"param":"background"')
    }
    expect(upstream.received).toEqual([])
  })

  it.each([
    ['/v1/responses', { model: 'both', input: 'x', background: false }],
    ['/v1/responses', { model: 'both', input: 'x', background: null }],
    ['/v1/images/generations', { model: 'picture', prompt: 'x', background: 'transparent' }],
  ])('asks %s for what ends with its answer', async (path, body) => {
    const { post } = await start()
    expect((await post(CAPPED, path, body)).status).toBe(200)
  })
})
