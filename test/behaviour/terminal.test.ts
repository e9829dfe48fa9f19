import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { describe, expect, it, onTestFinished } from 'vitest'

import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { findProgram } from '../helpers/programs.ts'

// SIGHUP reloads. It is also what the kernel sends when the window is closed in which somebody tried Keystow out, and
// a server that then only reloads goes on for ever, with the key, unseen.

const script = findProgram('script')
const SERVER = fileURLToPath(new URL('../../src/server.ts', import.meta.url))

/** Runs Keystow in a terminal of its own; `script` holds the other end of it. */
async function startInTerminal(env: Readonly<Record<string, string>> = {}) {
  const folder = createFolder()
  const terminal = spawn(
    script ?? 'script',
    ['-qfc', `echo "pid $$."; exec "${process.execPath}" "${SERVER}"`, '/dev/null'],
    {
      cwd: folder,
      env: {
        PATH: process.env['PATH'],
        PORT: '0',
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
        ...env,
      },
      stdio: ['pipe', 'pipe', 'ignore'],
    },
  )
  let written = ''
  terminal.stdout.on('data', (chunk: Buffer) => (written += chunk.toString()))
  const find = (pattern: RegExp): number => Number(pattern.exec(written)?.[1])
  await expect.poll(() => find(/pid (\d+)\./), { timeout: 10_000 }).toBeGreaterThan(0)
  const pid = find(/pid (\d+)\./)
  onTestFinished(() => {
    terminal.kill('SIGKILL')
    if (isRunning(pid)) process.kill(pid, 'SIGKILL')
  })
  await expect.poll(() => written, { timeout: 10_000 }).toMatch(/listening at http/)
  return { terminal, pid, written: () => written }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

describe.skipIf(script === undefined)('in a terminal', () => {
  it.each(['1', '2'])('writes a log for people, with WORKERS=%s', async (workers) => {
    const { written } = await startInTerminal({ WORKERS: workers })
    expect(written()).toMatch(/INFO.*listening at http/)
    expect(written()).not.toContain('"msg"')
  })

  it('reloads on SIGHUP', async () => {
    const { pid, written } = await startInTerminal()
    process.kill(pid, 'SIGHUP')
    await expect.poll(written, { timeout: 10_000 }).toContain('reloaded: nothing changed')
  })

  it('ends when the terminal is closed', async () => {
    const { terminal, pid } = await startInTerminal()
    terminal.kill('SIGKILL')
    await expect.poll(() => isRunning(pid), { timeout: 10_000 }).toBe(false)
  })
})
