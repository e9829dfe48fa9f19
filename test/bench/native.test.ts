import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import { request } from 'node:https'
import type { Socket } from 'node:net'
import { text as readText } from 'node:stream/consumers'
import { gzipSync } from 'node:zlib'

import { afterAll, beforeAll, describe, expect, it, onTestFinished, vi } from 'vitest'

import { type LoadPlan, type LoadResult, startLoad } from '../../bench/rig/load.ts'
import { buildNative, type NativePrograms } from '../../bench/rig/native.ts'
import { startUpstream, type Upstream } from '../../bench/rig/upstream.ts'
import { createFolder } from '../helpers/folder.ts'
import { portOf } from '../helpers/port.ts'
import { findProgram } from '../helpers/programs.ts'

const CORE = 1

const PLAIN_BODY =
  '{"model":"bench","stream":false,"events":0,"pace":0,"wait":0,"messages":[' +
  '{"role":"system","content":"You are a helpful assistant."},' +
  '{"role":"user","content":"What does a proxy do that holds a key? "}]}'
const IMAGE_URL = /^data:image\/png;base64,[A-Za-z0-9+/]{400000}$/

/** An event as the load looks for it: with the moment of its sending, and its number. */
const labelled = (number: number): string =>
  `data: {"f":"fp_0000000000000000001_${String(number).padStart(8, '0')}"}\n\n`

describe.skipIf(findProgram('cc') === undefined)('the upstream and the load', () => {
  let native: NativePrograms
  let upstream: Upstream
  const folder = createFolder()

  beforeAll(async () => {
    native = buildNative(folder)
    upstream = await startUpstream({ program: native.upstream, core: CORE, folder })
  })
  afterAll(() => upstream.stop())

  const load = (plan: LoadPlan, port = upstream.port): Promise<LoadResult> =>
    startLoad(
      plan,
      { port, pids: [upstream.pid], upstreamPid: upstream.pid },
      { program: native.load, core: CORE, folder },
    ).result

  it('count answers, and the processor time that they took', async () => {
    const result = await load({ mode: 'json', conns: 4, ms: 200 })
    expect(result).toMatchObject({ errors: 0, opened: 4, alive: 4 })
    expect(result.answers).toBeGreaterThan(0)
    expect(result.latency.count).toBe(result.answers)
    const { mean = 0, max = 0 } = result.latency
    expect(mean).toBeGreaterThan(0)
    expect(mean).toBeLessThanOrEqual(max)
    expect(result.cpuUs).toBeGreaterThan(0)
  })

  it('read every event of every stream, each with its age', async () => {
    const result = await load({ mode: 'stream', conns: 20, events: 8, pace: 10, wait: 300 })
    expect(result).toMatchObject({ errors: 0, answers: 20, events: 20 * 7, alive: 0 })
    expect(result.added.count).toBe(20 * 7)
    expect(result.bytes).toBeGreaterThan(20 * 7 * 250)
    expect(result.added.p50).toBeGreaterThan(0)
  })

  it('ask again when it is due, and not so long after an answer', async () => {
    const plan = { mode: 'stream', conns: 4, events: 4, pace: 40, again: 200, spread: 0 } as const
    const { answers, errors } = await load({ ...plan, warm: 160, ms: 1000 })
    expect(errors).toBe(0)
    expect(answers).toBeGreaterThan(4 * 3)
    expect(answers).toBeLessThanOrEqual(4 * 5)
  })

  it('spread what is due together', async () => {
    const plan = { mode: 'stream', conns: 10, events: 1, again: 1000, spread: 1000 } as const
    const { answers, errors } = await load({ ...plan, warm: 900, ms: 500 })
    expect(errors).toBe(0)
    expect(answers).toBeGreaterThan(0)
    expect(answers).toBeLessThan(10)
  })

  it('read a flood to its end', async () => {
    const result = await load({ mode: 'stream', conns: 2, events: 50_000, pace: 0 })
    expect(result).toMatchObject({ errors: 0, answers: 2 })
  })

  it('send bodies that are larger than any buffer', async () => {
    const result = await load({ mode: 'json', conns: 1, body: 5_000_000, ms: 100 })
    expect(result.errors).toBe(0)
  })

  it('know when each client left, and when that was seen', async () => {
    const plan = { mode: 'stream', conns: 10, events: 1000, pace: 50, leave: 100_000 } as const
    const { left } = await load({ ...plan, ms: 1000 })
    expect(left).toHaveLength(10)
    for (const [id, leftAt] of left) {
      const seenAt = await vi.waitUntil(() => upstream.takeLeft(id), { timeout: 5000 })
      expect(seenAt).toBeGreaterThan(leftAt)
    }
  })

  it('speak TLS where OpenSSL is there', async ({ skip }) => {
    const { certificate, upstream: program } = native
    if (certificate === undefined) return skip('no OpenSSL to compile with (Debian: libssl-dev)')
    const secure = await startUpstream({ program, certificate, core: CORE, folder })
    onTestFinished(() => secure.stop())
    const ca = readFileSync(certificate.cert)
    const asked = request({ host: '127.0.0.1', port: secure.port, ca }).end()
    const [answer] = await once(asked, 'response')
    expect(answer).toMatchObject({ statusCode: 200 })
    return undefined
  })

  describe('behind a proxy that', () => {
    async function startProxy(
      answer: RequestListener,
      onConnection = (_socket: Socket): unknown => undefined,
    ): Promise<number> {
      const server = createServer(answer).on('connection', onConnection).listen(0, '127.0.0.1')
      await once(server, 'listening')
      onTestFinished(() => void server.close())
      return portOf(server)
    }

    const stream = { mode: 'stream', conns: 1, events: 5, pace: 10, ms: 200 } as const

    it('cuts where it likes, read every event all the same', async () => {
      const text = [0, 1, 2, 3, 4].map(labelled).join('')
      const port = await startProxy((_request, response) => {
        for (let at = 0; at < text.length; at += 7) response.write(text.slice(at, at + 7))
        response.end()
      })
      const result = await load({ ...stream, warm: 50 }, port)
      expect(result).toMatchObject({ errors: 0, opened: 1, alive: 0 })
    })

    it('goes silent, report that events are missing', async () => {
      const port = await startProxy((_request, response) => {
        response.write([0, 1, 2].map(labelled).join(''))
      })
      const result = await load({ ...stream, events: 1000, ms: 2500 }, port)
      expect(result).toMatchObject({ errors: 1, error: 'a stream that lacks an event', events: 0 })
    })

    it('closes between two streams, connect again and ask when it is due', async () => {
      const text = labelled(0)
      const port = await startProxy(({ socket }, response) => {
        response.writeHead(200, { 'content-length': text.length }).end(text)
        setTimeout(() => socket.end(), 20)
      })
      const plan = { mode: 'stream', conns: 2, events: 1, again: 200 } as const
      const { answers, errors, reconnects } = await load({ ...plan, ms: 1000 }, port)
      expect(errors).toBe(0)
      expect(reconnects).toBeGreaterThan(0)
      expect(answers).toBeLessThanOrEqual(2 * 5)
    })

    it('refuses, report its status', async () => {
      const port = await startProxy((_request, response) => void response.writeHead(429).end())
      const result = await load(stream, port)
      expect(result).toMatchObject({ errors: 1, error: 'HTTP/1.1 429 Too Many Requests' })
    })

    it('ends a stream too early, report that events are missing', async () => {
      const port = await startProxy((_request, response) => {
        response.write(labelled(0))
        setTimeout(() => response.end(), 50)
      })
      expect(await load(stream, port)).toMatchObject({
        errors: 1,
        error: 'a stream that lacks an event',
      })
    })

    it.each([
      ['loses an event', [0, 1, 3], 'a stream that lacks an event'],
      ['sends one twice', [0, 1, 1], 'a stream that repeats an event'],
    ])('%s of a stream without end, report that', async (_, numbers, error) => {
      const port = await startProxy((_request, response) => {
        response.write(numbers.map(labelled).join(''))
      })
      const endless = { ...stream, events: 1_000_000_000 }
      expect(await load(endless, port)).toMatchObject({ errors: 1, error })
    })

    it('closes connections that send nothing, report that', async () => {
      const port = await startProxy(
        () => {},
        (socket) => setTimeout(() => socket.destroy(), 100),
      )
      const result = await load({ mode: 'idle', conns: 3, ms: 300 }, port)
      expect(result).toMatchObject({ errors: 0, opened: 3, closedByPeer: 3, alive: 0 })
    })

    it.each([
      ['resets', (socket: Socket) => socket.resetAndDestroy()],
      ['closes', (socket: Socket) => socket.destroy()],
    ])('%s connections whose readers have stopped, report that', async (_, close) => {
      const port = await startProxy(({ socket }, response) => {
        // More than all buffers on the way hold.
        response.write(labelled(0) + 'x'.repeat(20_000_000))
        setTimeout(() => close(socket), 100)
      })
      const stalled = { mode: 'stream', conns: 2, events: 9, pace: 0, stall: 1, ms: 400 } as const
      expect(await load(stalled, port)).toMatchObject({ errors: 0, closedByPeer: 2, alive: 0 })
    })

    it('reads what is asked, send it the same each time', async () => {
      const bodies: string[] = []
      const port = await startProxy((asked, response) => {
        void readText(asked).then((body) => {
          bodies.push(body)
          response.end()
        })
      })
      const plan = { mode: 'json', conns: 1, ms: 50 } as const
      await load(plan, port)
      expect(new Set(bodies)).toEqual(new Set([PLAIN_BODY]))

      bodies.length = 0
      const size = 400_000
      for (let run = 0; run < 2; run++) await load({ ...plan, body: size }, port)
      expect(new Set(bodies).size).toBe(1)
      const { messages }: { messages: { content: unknown }[] } = JSON.parse(bodies[0] ?? '')
      expect(messages[1]).toEqual({
        role: 'user',
        content: [
          { type: 'text', text: 'What does a proxy do that holds a key?' },
          { type: 'image_url', image_url: { url: expect.stringMatching(IMAGE_URL) } },
        ],
      })
      // Random bytes in base64 take three quarters of it.
      const packed = gzipSync(bodies[0] ?? '').length
      expect(packed / size).toBeGreaterThan(0.74)
    })

    it('breaks off, report that', async () => {
      const port = await startProxy((_request, response) => {
        response.write(labelled(0), () => response.destroy())
      })
      const { errors, error } = await load(stream, port)
      expect({ errors, error }).toEqual({ errors: 1, error: 'closed before the end' })
    })
  })
})
