import { readdirSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, it } from 'vitest'

import { startProcess } from '../helpers/process.ts'

const FOLDER = fileURLToPath(new URL('../../node_modules/.cache/keystow', import.meta.url))

it('keeps what Node makes of the modules for the next start', async () => {
  rmSync(FOLDER, { recursive: true, force: true })
  const first = startProcess({ args: ['--help'] })
  expect(await first.exited).toBe(0)
  const kept = readdirSync(FOLDER, { recursive: true, withFileTypes: true })
  expect(kept.filter((entry) => entry.isFile()).length).toBeGreaterThan(200)
})
