/**
 * The process is killed with SIGKILL at random moments, many times, in the middle of opening, growing, settling
 * and changing files. What it had said it opened must be in the ledger afterwards, what it had said it settled must
 * be there as it was settled, and the sums must be those of the entries.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it, onTestFinished } from 'vitest'

import { createSqliteLedgerStore } from '../../src/stores/sqlite-ledger/store.ts'
import type { LedgerEntry } from '../../src/usage/ledger-entry.ts'
import { createFolder } from '../helpers/folder.ts'
import { NOON } from '../helpers/ledger.ts'
import { startProcess } from '../helpers/process.ts'

const ROUNDS = 8
const MAX_LIFE_MS = 1500

interface Said {
  readonly opened: Set<string>
  readonly settled: Map<string, number>
}

function hear(output: string): Said {
  const said: Said = { opened: new Set(), settled: new Map() }
  for (const line of output.split('\n')) {
    const [verb, id = '', cost] = line.split(' ')
    if (verb === 'opened') said.opened.add(id)
    if (verb === 'settled') said.settled.set(id, Number(cost))
  }
  return said
}

async function runAndKill(folder: string, saidFile: string, round: number): Promise<void> {
  const running = startProcess({
    script: 'test/helpers/ledger-child.ts',
    args: [folder, saidFile, `round${round}`],
  })
  await running.waitFor('running')
  await new Promise((resolve) => setTimeout(resolve, Math.random() * MAX_LIFE_MS))
  running.child.kill('SIGKILL')
  expect(await running.exited).toBe('SIGKILL')
}

it('loses nothing that it said when it is killed', { timeout: 60_000 }, async () => {
  const folder = createFolder()
  const saidFile = join(createFolder(), 'said')
  for (let round = 0; round < ROUNDS; round++) await runAndKill(folder, saidFile, round)
  const said = hear(readFileSync(saidFile, 'utf8'))

  const store = createSqliteLedgerStore({
    folder,
    timeZone: 'UTC',
    retentionDays: 36_500,
    onNotice() {},
  })
  onTestFinished(() => store.close())
  const entries = new Map<string, LedgerEntry>()
  let total = 0
  for await (const entry of store.entries({ from: 0, to: NOON * 2 })) {
    expect(entries.has(entry.id)).toBe(false)
    entries.set(entry.id, entry)
    total += entry.costMicros ?? 0
  }

  expect(said.settled.size).toBeGreaterThan(ROUNDS)
  for (const [id, costMicros] of said.settled) {
    expect(entries.get(id)).toMatchObject({ costMicros, ending: 'completed', isEstimated: false })
  }
  const missing = [...said.opened].filter((id) => !((entries.get(id)?.costMicros ?? 0) > 0))
  expect(missing).toEqual([])
  const lost = [...entries.values()].filter(({ ending }) => ending === 'lost')
  expect(lost.length).toBeGreaterThanOrEqual(ROUNDS)
  expect(lost.every(({ isEstimated }) => isEstimated)).toBe(true)

  const spent = await store.spent({ period: 'month', currency: 'CNY', at: NOON })
  expect(spent).toEqual({ costMicros: total, requests: entries.size })
  const rows = await store.usage({ from: '2026-10-01', to: '2026-10-31', groupBy: 'client' })
  expect(rows.reduce((sum, { costMicros }) => sum + costMicros, 0)).toBe(total)
})
