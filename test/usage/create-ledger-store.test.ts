import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import type { LedgerStore } from '../../src/stores/ledger-store.ts'
import { createLedgerStore, type LedgerSettings } from '../../src/usage/create-ledger-store.ts'
import { createFolder } from '../helpers/folder.ts'
import { makeEntry, makeReservation, NOON } from '../helpers/ledger.ts'
import { freePort, redisServer, startRedis } from '../helpers/redis.ts'

function create(settings: Partial<LedgerSettings>): { store: LedgerStore; lines: string[] } {
  const lines: string[] = []
  const write = (level: string) => (_fields: object, message: string) => {
    lines.push(`${level}: ${message}`)
  }
  const store = createLedgerStore(
    {
      redisFailureMode: 'open',
      dataDir: createFolder(),
      timeZone: 'UTC',
      ledgerRetentionDays: 36_500,
      hasBudgets: false,
      ...settings,
    },
    {
      logger: { info: write('info'), warn: write('warn'), error: write('error') },
      onFailure() {},
    },
  )
  onTestFinished(() => store.close())
  return { store, lines }
}

const spentOf = (store: LedgerStore) => store.spent({ period: 'day', currency: 'CNY', at: NOON })

function unwritable(): string {
  const file = join(createFolder(), 'file')
  writeFileSync(file, '')
  return join(file, 'data')
}

it('keeps the ledger in DATA_DIR', async () => {
  const dataDir = join(createFolder(), 'made', 'when', 'missing')
  const { store, lines } = create({ dataDir })
  await store.settle(makeEntry(makeReservation(), 7))
  expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
  expect(existsSync(join(dataDir, 'ledger.db'))).toBe(true)
  expect(store.stats().isDurable).toBe(true)
  expect(lines).toEqual([])
})

describe('where DATA_DIR cannot be written', () => {
  it('keeps it in memory while no budget rests on it, and says so', async () => {
    const { store, lines } = create({ dataDir: unwritable() })
    await store.settle(makeEntry(makeReservation(), 7))
    expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
    expect(store.stats().isDurable).toBe(false)
    expect(lines).toEqual([expect.stringMatching(/^error: DATA_DIR: .*in memory/)])
  })

  it('makes none when there are budgets', () => {
    const dataDir = unwritable()
    expect(() => create({ dataDir, hasBudgets: true })).toThrow(`${dataDir} cannot be written`)
  })
})

describe('where another process has DATA_DIR', () => {
  it('keeps it in memory while no budget rests on it, and says so', async () => {
    const dataDir = createFolder()
    const first = create({ dataDir })
    const { store, lines } = create({ dataDir })
    await store.settle(makeEntry(makeReservation(), 7))
    expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
    expect(await spentOf(first.store)).toEqual({ costMicros: 0, requests: 0 })
    expect(lines).toEqual([expect.stringMatching(/^error: DATA_DIR: another .*in memory/)])
  })

  it('makes none when there are budgets', () => {
    const dataDir = createFolder()
    create({ dataDir })
    const make = () => create({ dataDir, hasBudgets: true })
    expect(make).toThrow(`${dataDir} is in use by another Keystow process`)
  })
})

describe('with REDIS_URL', () => {
  it.skipIf(redisServer === undefined)('keeps it there, and no folder', async () => {
    const { url } = await startRedis()
    const dataDir = join(createFolder(), 'data')
    const { store, lines } = create({ redisUrl: url, dataDir })
    await expect.poll(() => store.isReady()).toBe(true)
    await store.settle(makeEntry(makeReservation(), 7))
    expect(await spentOf(store)).toEqual({ costMicros: 7, requests: 1 })
    expect(existsSync(dataDir)).toBe(false)
    expect(lines).toEqual(['info: Redis answers: the ledger and its budgets are shared'])
  })

  it('says what holds while Redis is away, once', async () => {
    const redisUrl = `redis://127.0.0.1:${await freePort()}`
    const { store, lines } = create({ redisUrl, redisFailureMode: 'closed' })
    await expect.poll(() => lines).toHaveLength(1)
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(lines).toEqual([expect.stringMatching(/^warn: Redis is away: .*answered 503/)])
    expect(store.isReady()).toBe(false)
  })
})
