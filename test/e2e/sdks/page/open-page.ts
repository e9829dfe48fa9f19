import { fileURLToPath } from 'node:url'

import type { BrowserContext, Page } from 'playwright-core'
import { build } from 'rolldown'
import { onTestFinished } from 'vitest'

import { startServer } from '../../../helpers/upstream.ts'

interface OpenPage {
  readonly page: Page
  readonly origin: string
}

const ENTRY = fileURLToPath(new URL('./entry.ts', import.meta.url))

/** The SDKs in one script, as a browser app would ship them. */
export async function bundleSdks(): Promise<string> {
  const { output } = await build({
    input: ENTRY,
    platform: 'browser',
    write: false,
    output: { format: 'iife', codeSplitting: false },
    logLevel: 'silent',
  })
  return output[0].code
}

/** Opens a page with the script on a site of its own, until the test has ended. */
export async function openPage(context: BrowserContext, script: string): Promise<OpenPage> {
  const address = await startServer(({ url }, response) => {
    if (url === '/sdks.js') {
      response.setHeader('content-type', 'text/javascript; charset=utf-8')
      response.end(script)
    } else {
      response.setHeader('content-type', 'text/html; charset=utf-8')
      response.end('<!doctype html><title>page</title><script src="/sdks.js"></script>')
    }
  })
  // Another name than the gateway's address: requests are cross-site, as they are between two domains.
  const origin = address.replace('127.0.0.1', 'localhost')
  const page = await context.newPage()
  onTestFinished(() => page.close())
  await page.goto(origin)
  return { page, origin }
}
