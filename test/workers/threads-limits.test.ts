import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it, onTestFinished } from 'vitest'

import { createFolder } from '../helpers/folder.ts'
import {
  chat,
  metric,
  OTHER_TOKEN,
  startThreads,
  statuses,
  THREADS,
  times,
  workersOf,
} from '../helpers/threads.ts'
import { startUpstream } from '../helpers/upstream.ts'

describe('several workers', () => {
  it('count the requests of a client together', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { keystow, call } = await startThreads(upstream.origin, { RATE_LIMIT_PER_MINUTE: '25' })
    const answers = await times(80, () => call())
    expect(statuses(answers, 200)).toBe(25)
    expect(statuses(answers, 429)).toBe(55)
    expect(workersOf(keystow).size).toBe(THREADS)
  })

  it('hold the places of a client together, and free each with the last byte', async () => {
    const held: (() => void)[] = []
    let refused = 0
    /** Whoever has a place keeps it until everybody else was told that there is none. */
    function endWhenFull(): void {
      if (held.length === 10 && refused === 20) held.splice(0).forEach((end) => end())
    }
    const upstream = await startUpstream((_, response) => {
      held.push(() => response.end('{}'))
      endWhenFull()
    })
    const { call } = await startThreads(upstream.origin, { CONCURRENCY_LIMIT: '10' })
    for (const _round of [1, 2, 3]) {
      refused = 0
      const answers = await times(30, async () => {
        const answer = await call()
        if (answer.status === 429) refused++
        endWhenFull()
        await answer.text()
        return answer
      })
      expect(statuses(answers, 200)).toBe(10)
    }
  })

  it('let through exactly as many calls as a quota has, however many come at once', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const { keystow, call } = await startThreads(upstream.origin, { QUOTA_PER_DAY: '25' })
    const answers = await times(80, () => chat(call))
    expect(statuses(answers, 200)).toBe(25)
    expect(statuses(answers, 429)).toBe(55)
    expect(upstream.received).toHaveLength(25)
    expect(workersOf(keystow).size).toBe(THREADS)
    expect((await chat(call)).status).toBe(429)
    await expect.poll(() => metric(call, 'keystow_ledger_in_flight')).toBe(0)
  })

  // A thread gives up before the ledger does: what is then reserved for the call would never be given back.
  it('count no call that was given up while another process wrote the ledger', async () => {
    const upstream = await startUpstream((_, response) => response.end('{}'))
    const folder = createFolder()
    const { call } = await startThreads(upstream.origin, { QUOTA_PER_DAY: '3', DATA_DIR: folder })
    const bob = (): Promise<Response> => chat(call, OTHER_TOKEN)
    expect((await chat(call)).status).toBe(200)
    const writer = new DatabaseSync(join(folder, 'ledger.db'), { timeout: 5000 })
    onTestFinished(() => writer.close())
    writer.exec('BEGIN IMMEDIATE')
    expect((await chat(call)).status).toBe(200)
    await expect.poll(() => metric(call, 'keystow_ledger_lag_seconds')).toBeGreaterThan(0)
    expect(statuses(await times(3, bob), 503)).toBe(3)
    writer.exec('COMMIT')

    expect(statuses(await times(3, bob), 200)).toBe(3)
    expect((await bob()).status).toBe(429)
    await expect.poll(() => metric(call, 'keystow_ledger_in_flight')).toBe(0)
    expect(upstream.received).toHaveLength(5)
  })

  it.each(['1', '9'])('let %s requests in flight through together', async (limit) => {
    const held: (() => void)[] = []
    let refused = 0
    let reached = 0
    /** Whoever was let through stays until everybody has been, or was refused. */
    function endWhenAllCame(): void {
      if (held.length + refused === 30) held.splice(0).forEach((end) => end())
    }
    const upstream = await startUpstream((_, response) => {
      reached++
      held.push(() => response.end('{}'))
      endWhenAllCame()
    })
    const { keystow, call } = await startThreads(upstream.origin, { IN_FLIGHT_LIMIT: limit })
    for (const round of [1, 2, 3]) {
      refused = 0
      const answers = await times(30, async () => {
        const answer = await call()
        if (answer.status === 503) refused++
        endWhenAllCame()
        await answer.text()
        return answer
      })
      expect(statuses(answers, 200)).toBe(Number(limit))
      expect(reached).toBe(round * Number(limit))
    }
    expect(workersOf(keystow).size).toBe(THREADS)
  })

  it('keep the bodies of all in no more than BODY_MEMORY_LIMIT_MB together', async () => {
    const held: (() => void)[] = []
    let onReached = (): void => {}
    const upstream = await startUpstream((_, response) => {
      held.push(() => response.end('{}'))
      onReached()
    })
    const { call } = await startThreads(upstream.origin, {
      BODY_LIMIT_MB: '4',
      BODY_MEMORY_LIMIT_MB: '16',
    })
    const body = `{"a":"${'x'.repeat(4 * 1024 * 1024 - 8)}"}`
    const headers = { 'content-type': 'application/json' }
    const answers: Promise<Response>[] = []
    for (let i = 0; i < 12; i++) {
      const reached = new Promise<void>((resolve) => (onReached = resolve))
      const answer = call('/v1/chat/completions', { method: 'POST', body, headers })
      answers.push(answer)
      await Promise.race([reached, answer])
    }
    const count = held.length
    for (const end of held) end()
    const all = await Promise.all(answers)
    expect(count).toBe(4)
    expect(statuses(all, 503)).toBe(8)
  })
})
