import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { echo, startUpstream } from '../helpers/upstream.ts'

// Where a folder cannot be made, Node's own mkdir may try for ever, and a process that hangs at its start says nothing.

const EXIT_CONFIG = 78
const env = {
  PORT: '0',
  UPSTREAM_API_KEY: TEST_CREDENTIAL,
  CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
}

function file(): string {
  const path = join(createFolder(), 'file')
  writeFileSync(path, '')
  return path
}

const PLACES: [string, string][] = [
  ['below /proc', '/proc/keystow'],
  ['two folders below /proc', '/proc/keystow/data'],
  ['a file', file()],
  ['below a file', join(file(), 'data')],
]

describe.each(PLACES)('a DATA_DIR that cannot be made (%s)', (_what, folder) => {
  it('is refused by name where somebody has a budget', async () => {
    const keystow = startProcess({ env: { ...env, DATA_DIR: folder, BUDGET_PER_DAY: '1' } })
    expect(await keystow.exited).toBe(EXIT_CONFIG)
    expect(keystow.stderr()).toMatch(
      /^ {2}DATA_DIR: \S+ cannot be written \(E.*\); let this process/m,
    )
    expect(keystow.stderr().split('\n')).toHaveLength(3)
  })

  it.each(['1', '2'])(
    'is an error in the log of %s event loops where nobody has',
    async (workers) => {
      const upstream = await startUpstream(echo)
      const more = { DATA_DIR: folder, WORKERS: workers, UPSTREAM_URL: upstream.origin }
      const keystow = startProcess({ env: { ...env, ...more } })
      const port = await listeningPort(keystow)
      expect(keystow.stdout()).toMatch(/"level":"error".*DATA_DIR: the folder cannot be written/)
      const headers = { authorization: `Bearer ${TEST_TOKEN}` }
      expect((await fetch(`http://127.0.0.1:${port}/v1/models`, { headers })).status).toBe(200)
    },
  )
})

it('makes the folders above DATA_DIR too', async () => {
  const folder = join(createFolder(), 'a', 'b')
  await listeningPort(startProcess({ env: { ...env, DATA_DIR: folder, BUDGET_PER_DAY: '1' } }))
  // The thread that keeps it begins in its own time.
  await expect.poll(() => existsSync(join(folder, 'ledger.db')), { timeout: 10_000 }).toBe(true)
})
