import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

import { describe, expect, it, onTestFinished } from 'vitest'

import type { LedgerNotice, LedgerStore } from '../../src/stores/ledger-store.ts'
import { attachSqliteLedger } from '../../src/stores/sqlite-ledger/attach.ts'
import { LedgerFolderError } from '../../src/stores/sqlite-ledger/folder.ts'
import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import { createFolder } from '../helpers/folder.ts'
import {
  makeEntry,
  makeEstimate,
  makeReservation,
  moneyCap,
  NOON,
  nextId,
} from '../helpers/ledger.ts'
import { startProcess } from '../helpers/process.ts'

const OWN_FILES = ['ledger.db', 'ledger.lock', 'ledger.made']

function start(folder: string, notices: LedgerNotice[] = []): LedgerStore {
  const store = createSqliteLedgerStore({
    folder,
    timeZone: 'UTC',
    retentionDays: 36_500,
    onNotice: (notice) => notices.push(notice),
  })
  onTestFinished(() => store.close())
  return store
}

async function spend(store: LedgerStore, costMicros: number): Promise<void> {
  const reservation = makeReservation({ caps: [moneyCap(1000)] })
  await store.open(reservation)
  await store.settle(makeEntry(reservation, costMicros))
}

const spentOf = async (store: LedgerStore): Promise<number> => {
  const { costMicros } = await store.spent({ period: 'day', currency: 'CNY', at: NOON })
  return costMicros
}

function catchError(action: () => unknown): unknown {
  try {
    action()
    return undefined
  } catch (error) {
    return error
  }
}

it('leaves nothing but the database behind when all was settled', async () => {
  const folder = createFolder()
  const store = start(folder)
  await spend(store, 7)
  await store.close()
  expect(readdirSync(folder).toSorted()).toEqual(OWN_FILES)
})

it('keeps its files to itself', async () => {
  const folder = join(createFolder(), 'data')
  const store = start(folder)
  await spend(store, 7)
  expect(await spentOf(store)).toBe(7)
  const names = readdirSync(folder).filter((name) => statSync(join(folder, name)).size > 0)
  expect(names.toSorted()).toEqual([
    'journal-00000001.jsonl',
    'ledger.db',
    'ledger.db-shm',
    'ledger.db-wal',
  ])
  for (const path of [folder, ...names.map((name) => join(folder, name))]) {
    expect(statSync(path).mode & 0o077).toBe(0)
  }
})

it('removes what it no longer needs of the journal while it runs', async () => {
  const folder = createFolder()
  const store = createSqliteLedgerStore({
    folder,
    timeZone: 'UTC',
    retentionDays: 36_500,
    segmentBytes: 5000,
    onNotice() {},
  })
  onTestFinished(() => store.close())
  const long = makeReservation()
  await store.open(long)
  for (let index = 0; index < 200; index++) await spend(store, 1)
  const segments = (): string[] => readdirSync(folder).filter((name) => name.startsWith('journal'))
  expect(segments().length).toBeGreaterThan(5)
  // What runs on is written again into the newest.
  await expect.poll(() => segments().length, { timeout: 10_000 }).toBeLessThanOrEqual(2)
  expect(readFileSync(join(folder, segments().at(-1) ?? ''), 'utf8')).toContain(long.id)
})

describe('a folder that another process has', () => {
  it('is refused by name', () => {
    const folder = createFolder()
    start(folder)
    const error = catchError(() => start(folder))
    expect(error).toBeInstanceOf(LedgerFolderError)
    expect(error).toMatchObject({ reason: 'locked', message: expect.stringContaining(folder) })
  })

  it('is refused to a process of its own, and free when its owner is gone', async () => {
    const folder = createFolder()
    const args = [folder, join(createFolder(), 'said'), nextId()]
    const first = startProcess({ script: 'test/helpers/ledger-child.ts', args })
    await first.waitFor('running')
    const second = startProcess({ script: 'test/helpers/ledger-child.ts', args })
    expect(await second.exited).toBe(1)
    expect(second.stderr()).toContain(`${folder} is in use by another Keystow process`)
    first.child.kill('SIGKILL')
    await first.exited
    expect(await spentOf(start(folder))).toBeGreaterThanOrEqual(0)
  })
})

describe('a folder that cannot be written', () => {
  it('is refused with what the system says', () => {
    const file = join(createFolder(), 'file')
    writeFileSync(file, '')
    expect(catchError(() => start(join(file, 'data')))).toMatchObject({
      name: 'LedgerFolderError',
      reason: 'notWritable',
      message: expect.stringMatching(/file\/data cannot be written \(ENOTDIR.*name another folder/),
    })
  })

  it.skipIf(process.geteuid?.() !== 0)('is refused when it belongs to somebody else', () => {
    const folder = createFolder()
    process.seteuid?.(65_534)
    const error = catchError(() => start(folder))
    process.seteuid?.(0)
    expect(error).toMatchObject({ reason: 'notWritable', message: expect.stringMatching(/EACCES/) })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a damaged database', () => {
  const asideIn = (folder: string): string[] =>
    readdirSync(folder).filter((name) => /\.db\.corrupt-[\dTZ.-]+$/.test(name))

  const damageNotice = {
    level: 'error',
    message: expect.stringContaining('.db.corrupt-'),
  }

  it('that is none at all is put aside, and a new one begun', async () => {
    const folder = createFolder()
    writeFileSync(join(folder, 'ledger.db'), 'this is no database'.repeat(1000))
    const notices: LedgerNotice[] = []
    const store = start(folder, notices)
    await spend(store, 7)
    expect(await spentOf(store)).toBe(7)
    expect(notices).toMatchObject([damageNotice])
    const [aside = ''] = asideIn(folder)
    expect(readFileSync(join(folder, aside), 'utf8')).toContain('this is no database')
  })

  it.each([
    ['is emptied', (file: string) => writeFileSync(file, '')],
    ['is gone', (file: string) => rmSync(file)],
  ])('that %s is told of, and a new one begun', async (_what, lose) => {
    const folder = createFolder()
    const notices: LedgerNotice[] = []
    const first = start(folder, notices)
    await spend(first, 7)
    await first.close()
    expect(notices).toEqual([])
    lose(join(folder, 'ledger.db'))

    const store = start(folder, notices)
    await spend(store, 8)
    expect(await spentOf(store)).toBe(8)
    expect(notices).toMatchObject([
      { level: 'error', message: expect.stringContaining('gone or empty') },
    ])
    await store.close()
    expect(await spentOf(start(folder, notices))).toBe(8)
    expect(notices).toHaveLength(1)
  })

  it('leaves what was spent to the new one, as far as it can be read', async () => {
    const folder = createFolder()
    const first = start(folder)
    for (let index = 0; index < 500; index++) await spend(first, 1)
    await first.close()
    const file = join(folder, 'ledger.db')
    const bytes = readFileSync(file)
    // The entries fill all but the first pages, on which the counters stand.
    bytes.fill(0xff, 16 * 4096)
    writeFileSync(file, bytes)

    const notices: LedgerNotice[] = []
    const store = start(folder, notices)
    expect(await spentOf(store)).toBe(500)
    expect(notices).toMatchObject([damageNotice])
    const refused = makeReservation({ caps: [moneyCap(500)] })
    expect(await store.open(refused)).toMatchObject({ isGranted: false })
    expect(asideIn(folder)).toHaveLength(1)
  })

  it('is replaced while the process runs, and what is settled meanwhile is entered', async () => {
    const folder = createFolder()
    const notices: LedgerNotice[] = []
    const store = start(folder, notices)
    await spend(store, 7)
    expect(await spentOf(store)).toBe(7)
    const vandal = new DatabaseSync(join(folder, 'ledger.db'), { defensive: false })
    vandal.exec(`PRAGMA writable_schema = ON;
      UPDATE sqlite_schema SET sql = 'CREATE TABLE entries (' WHERE name = 'entries';
      PRAGMA schema_version = 99;`)
    vandal.close()
    await spend(store, 8)
    await expect.poll(() => notices.map(({ level }) => level)).toContain('error')
    await expect.poll(() => asideIn(folder).length, { timeout: 5000 }).toBe(1)
    await expect.poll(() => store.isReady(), { timeout: 5000 }).toBe(true)
    expect(await spentOf(store)).toBeGreaterThanOrEqual(8)
  })
})

describe('a process beside the owner', () => {
  it('corrects entries, and the owner counts its budgets anew', async () => {
    const folder = createFolder()
    const store = start(folder)
    const caps = [moneyCap(100)]
    const reservation = makeReservation({ caps })
    await store.open(reservation)
    await store.settle(makeEntry(reservation, 100, { isEstimated: true }))
    expect(await spentOf(store)).toBe(100)
    expect(await store.open(makeReservation({ caps }))).toMatchObject({ isGranted: false })

    const beside = attachSqliteLedger({ folder, timeZone: 'UTC' })
    onTestFinished(() => beside.close())
    for await (const entry of beside.entries({ from: 0, to: NOON * 2, isEstimated: true })) {
      expect(await beside.correct(entry, makeEstimate(40))).toBe(true)
    }
    await expect
      .poll(async () => (await store.open(makeReservation({ caps }))).isGranted, { timeout: 5000 })
      .toBe(true)
    expect(await spentOf(store)).toBe(40)
  })

  it('is told when there is no ledger, and makes none', () => {
    const folder = createFolder()
    expect(() => attachSqliteLedger({ folder, timeZone: 'UTC' })).toThrow(folder)
    expect(existsSync(join(folder, 'ledger.db'))).toBe(false)
  })
})
