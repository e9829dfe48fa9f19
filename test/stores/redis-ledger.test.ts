import { existsSync, readdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { createRedisConnection, type RedisConnection } from '../../src/stores/redis-connection.ts'
import { createEntering } from '../../src/stores/redis-ledger/entering.ts'
import { createOutbox, type Outbox } from '../../src/stores/redis-ledger/outbox.ts'
import { createReads } from '../../src/stores/redis-ledger/reads.ts'
import { createReservations } from '../../src/stores/redis-ledger/reservations.ts'
import { createLimitLister } from '../../src/usage/budget.ts'
import { createCalendar } from '../../src/usage/calendar.ts'
import { createFolder } from '../helpers/folder.ts'
import { makeEntry, makeReservation, moneyCap, NOON } from '../helpers/ledger.ts'
import { redisServer, startRedis } from '../helpers/redis.ts'

const DAY_S = 86_400
const MONTH = { from: '2026-10-01', to: '2026-10-31' }

const calendar = createCalendar('UTC')

async function connect(): Promise<RedisConnection> {
  const { url } = await startRedis()
  const connection = createRedisConnection({ url, onStateChange() {} })
  onTestFinished(() => connection.close())
  await expect.poll(() => connection.isReady()).toBe(true)
  return connection
}

describe.skipIf(redisServer === undefined)('a ledger in Redis', () => {
  it('keeps nothing for ever but what is in flight', async () => {
    const connection = await connect()
    const entering = createEntering({ connection, calendar, retentionDays: 30 })
    const reservations = createReservations({
      connection,
      calendar,
      leaseMs: 30_000,
      now: () => NOON,
    })
    const caps = [moneyCap(100), moneyCap(9, { unit: 'requests', period: 'month' })]
    const [running, ended] = [makeReservation({ caps }), makeReservation({ caps })]
    const limits = createLimitLister(calendar)(running)
    await reservations.open(running, limits)
    await reservations.open(ended, limits)
    await entering.enter(makeEntry(ended, 5), limits)

    const names = await connection.send((client) => client.keys('*'))
    const seconds = await Promise.all(
      names.map(async (name) => [name, await connection.send((client) => client.ttl(name))]),
    )
    const kept = Object.fromEntries(seconds)
    const prefix = 'keystow:{ledger}'
    expect(kept).toEqual({
      [`${prefix}:leases`]: -1,
      [`${prefix}:reservation:${running.id}`]: -1,
      [`${prefix}:entries:2026-10-14`]: expect.closeTo(31 * DAY_S, -2),
      [`${prefix}:usage:2026-10-14:alice`]: expect.closeTo(800 * DAY_S, -2),
      [`${prefix}:clients:2026-10-14`]: expect.closeTo(800 * DAY_S, -2),
      ...Object.fromEntries(
        ['client:alice', 'instance'].flatMap((scope) =>
          ['CNY/2026-10', 'CNY/2026-10-14', 'requests/2026-10', 'requests/2026-10-14'].map(
            (counter) => [`${prefix}:budget:${counter}/${scope}`, expect.closeTo(400 * DAY_S, -2)],
          ),
        ),
      ),
    })
  })

  // Clients choose what models are called: a new name with every request must not make a new line.
  it('adds up models past a number a day under one name, and takes corrections back there', async () => {
    const connection = await connect()
    const entering = createEntering({
      connection,
      calendar,
      retentionDays: 30,
      maxUsageRows: 3,
    })
    const entries = Array.from({ length: 6 }, (_, index) =>
      makeEntry(makeReservation({ clientId: '2001:db8::/64', model: `模型-${index}` }), 10, {
        isEstimated: true,
      }),
    )
    for (const entry of entries) await entering.enter(entry)
    const reads = createReads(connection, calendar, () => NOON)
    const models = async () =>
      (await reads.usage({ ...MONTH, groupBy: 'model' })).map(({ key, requests, costMicros }) => [
        key,
        requests,
        costMicros,
      ])
    const single = [0, 1, 2].map((index) => [`模型-${index}`, 1, 10])
    expect(await models()).toEqual([['(other)', 3, 30], ...single])
    const last = entries.at(-1)
    if (last !== undefined) await entering.correct(last, { ...last, costMicros: 4 })
    expect(await models()).toEqual([['(other)', 3, 24], ...single])
    const clients = await reads.usage({ ...MONTH, groupBy: 'client' })
    expect(clients).toMatchObject([{ key: '2001:db8::/64', requests: 6 }])
  })

  it('adds up amounts that have more digits than a Lua number prints', async () => {
    const connection = await connect()
    const entering = createEntering({ connection, calendar, retentionDays: 30 })
    const costMicros = 1_234_567_890_123_456
    await entering.enter(makeEntry(makeReservation(), costMicros))
    await entering.enter(makeEntry(makeReservation(), 1))
    const reads = createReads(connection, calendar, () => NOON)
    expect(await reads.spent({ period: 'day', currency: 'CNY', at: NOON })).toEqual({
      costMicros: costMicros + 1,
      requests: 2,
    })
  })
})

describe('an outbox', () => {
  const open = (folder?: string, maxEntries?: number, failures: Error[] = []): Outbox => {
    const outbox = createOutbox({
      folder,
      ...(maxEntries !== undefined && { maxEntries }),
      onFileFailure: (error) => failures.push(error),
    })
    onTestFinished(() => outbox.close())
    return outbox
  }
  const entry = () => makeEntry(makeReservation(), 1)

  it('hands over to the next process what was not sent, torn lines left out', () => {
    const folder = createFolder()
    const first = open(folder)
    const [sent, waiting] = [entry(), entry()]
    first.add(sent)
    first.add(waiting)
    first.remove(sent)
    first.close()
    const [name = ''] = readdirSync(folder).filter((file) => file.endsWith('.jsonl'))
    writeFileSync(join(folder, name), '["torn', { flag: 'a' })

    const second = open(folder)
    second.adopt()
    // What was sent is sent again: it is not entered twice.
    expect(second.peek(10)).toEqual([sent, waiting])
    for (const one of second.peek(10)) second.remove(one)
    expect(readdirSync(folder)).toEqual([])
  })

  it('makes no file while there is nothing to keep', () => {
    const folder = join(createFolder(), 'data')
    const outbox = open(folder)
    outbox.adopt()
    outbox.close()
    expect(existsSync(folder)).toBe(false)
  })

  it('holds so many entries and no more', () => {
    const outbox = open(undefined, 2)
    expect([entry(), entry(), entry()].map((one) => outbox.add(one))).toEqual([true, true, false])
    expect(outbox.count()).toBe(2)
  })

  it('keeps entries in memory where no file can be written, and says so once', () => {
    const file = join(createFolder(), 'file')
    writeFileSync(file, '')
    const failures: Error[] = []
    const outbox = open(join(file, 'data'), undefined, failures)
    expect(outbox.add(entry())).toBe(true)
    expect(outbox.add(entry())).toBe(true)
    expect(outbox.count()).toBe(2)
    expect(failures).toHaveLength(1)
  })
})
