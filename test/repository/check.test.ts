import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { expect, it } from 'vitest'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

it('passes npm run check: types, lint, import rules and format', { timeout: 120_000 }, () => {
  const { status, stdout, stderr } = spawnSync('npm', ['run', 'check'], {
    cwd: ROOT,
    encoding: 'utf8',
  })
  expect({ status, output: status === 0 ? '' : stdout + stderr }).toEqual({ status: 0, output: '' })
})
