import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { type BrowserContext, chromium } from 'playwright-core'

import { findProgram } from './programs.ts'

export interface Browser {
  /** Its windows share one profile, which began empty. */
  readonly context: BrowserContext
  close(): Promise<void>
}

/** What keeps Chromium from asking the network for anything but what a test opens. */
const OFFLINE_ARGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/** Starts the system's Chromium without a window; for tests that are skipped where there is none. */
export async function launchBrowser(): Promise<Browser> {
  const executablePath = findProgram('chromium')
  if (executablePath === undefined) throw new Error('chromium is not installed')
  const profile = await mkdtemp(join(tmpdir(), 'keystow-chromium-'))
  const context = await chromium.launchPersistentContext(profile, {
    executablePath,
    headless: true,
    chromiumSandbox: false,
    args: OFFLINE_ARGS,
  })
  return {
    context,
    async close() {
      await context.close()
      await rm(profile, { recursive: true, force: true, maxRetries: 5 })
    },
  }
}
