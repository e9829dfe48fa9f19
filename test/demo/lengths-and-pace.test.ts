import { describe, expect, test } from 'vitest'

import { openSocket, postChat, rawChat, readDeltas, startDemo, until } from './demo-helpers.ts'

const STREAM = { stream: true }
const MEBIBYTE = 1024 * 1024

async function elapsedMs(work: () => Promise<unknown>): Promise<number> {
  const startedAtMs = performance.now()
  await work()
  return performance.now() - startedAtMs
}

describe('pace', () => {
  test('an ordinary model takes the pace of the options', async () => {
    const demo = await startDemo({ paceMs: 20 })
    const options = { ...STREAM, max_tokens: 5 }
    const tookMs = await elapsedMs(async () => (await postChat(demo, 'gpt-4o', options)).text())
    expect(tookMs).toBeGreaterThan(5 * 18)
  })

  test('demo-pace-<ms> takes the pace of its name', async () => {
    const demo = await startDemo({ paceMs: 0 })
    const options = { ...STREAM, max_tokens: 5 }
    const work = async () => (await postChat(demo, 'demo-pace-20', options)).text()
    expect(await elapsedMs(work)).toBeGreaterThan(5 * 18)
  })

  test('demo-slow waits half a second', async () => {
    const demo = await startDemo({ paceMs: 0 })
    const startedAtMs = performance.now()
    openSocket(demo, rawChat('demo-slow', STREAM))
    // The first delta is the second event.
    await until(() => demo.bill()[0]?.outputTokens === 1)
    expect(performance.now() - startedAtMs).toBeGreaterThan(498)
  })

  test('demo-fast does not wait for the pace of the options', async () => {
    // At this pace the test would run out of time.
    const demo = await startDemo({ paceMs: 600_000 })
    const text = await (await postChat(demo, 'demo-fast', STREAM)).text()
    expect(text).toContain('data: [DONE]')
  })
})

describe('length', () => {
  test('demo-long-<events> gives that many deltas, whatever max_tokens says', async () => {
    const demo = await startDemo({ paceMs: 600_000 })
    const options = { ...STREAM, max_tokens: 3 }
    const text = await (await postChat(demo, 'demo-long-5000', options)).text()
    expect(readDeltas(text)).toHaveLength(5000)
    expect(demo.bill().at(-1)).toMatchObject({ outputTokens: 5000 })
  })

  test('demo-long-<events> gives that many tokens as JSON', async () => {
    const demo = await startDemo()
    expect(await (await postChat(demo, 'demo-long-700')).json()).toMatchObject({
      usage: { completion_tokens: 700 },
    })
  })

  test('demo-bytes-<MiB> gives that many MiB in deltas of 16 KiB', async () => {
    const demo = await startDemo()
    const text = await (await postChat(demo, 'demo-bytes-2', STREAM)).text()
    const deltas = readDeltas(text)
    expect(deltas).toHaveLength(128)
    expect(deltas.every((delta) => delta.length === 16 * 1024)).toBe(true)
  })

  test('demo-bytes-<MiB> gives the same as JSON', async () => {
    const demo = await startDemo()
    const text = await (await postChat(demo, 'demo-bytes-2')).text()
    expect(text.length).toBeGreaterThan(2 * MEBIBYTE)
    expect(text.length).toBeLessThan(2 * MEBIBYTE + 2000)
  })

  test('demo-huge-event gives one delta of 5 MiB', async () => {
    const demo = await startDemo()
    const text = await (await postChat(demo, 'demo-huge-event', STREAM)).text()
    expect(readDeltas(text).map((delta) => delta.length)).toEqual([5 * MEBIBYTE])
  })
})

describe('back-pressure', () => {
  test('stops the model when nobody reads, and ends it when the reader goes', async () => {
    const demo = await startDemo()
    const socket = openSocket(demo, rawChat('demo-bytes-1000', STREAM))
    socket.pause()
    let tokens = -1
    await until(() => {
      const now = demo.bill()[0]?.outputTokens ?? 0
      const stands = now > 0 && now === tokens
      tokens = now
      return stands
    })
    // The whole would be 262 million tokens; the sockets' buffers hold some MiB.
    expect(tokens).toBeLessThan(30_000_000)
    socket.destroy()
    await until(() => demo.open() === 0)
    expect(demo.bill()[0]).toMatchObject({ outcome: 'aborted' })
  })
})
