import type { Page } from 'playwright-core'
import { afterAll, beforeAll } from 'vitest'

import { type Browser, launchBrowser } from '../../../helpers/browser.ts'
import { startKeystow } from '../keystow.ts'
import type { Target } from './entry.ts'
import { bundleSdks, openPage } from './open-page.ts'

type Keystow = Awaited<ReturnType<typeof startKeystow>>

interface PageWithKeystow extends Keystow {
  readonly page: Page
  readonly target: Target
}

type StartPage = (env?: Readonly<Record<string, string>>) => Promise<PageWithKeystow>

/** One browser for the tests of a `describe`; each test opens its own page, which its own Keystow allows. */
export function usePages(): StartPage {
  let browser: Browser | undefined
  let script = ''

  beforeAll(async () => {
    browser = await launchBrowser()
    script = await bundleSdks()
  })
  afterAll(() => browser?.close())

  return async (env = {}) => {
    if (browser === undefined) throw new Error('the browser has not been started')
    const { page, origin } = await openPage(browser.context, script)
    const keystow = await startKeystow({ env: { ALLOWED_ORIGINS: origin, ...env } })
    const { origin: server, token } = keystow.gateway
    return { ...keystow, page, target: { baseURL: `${server}/v1`, apiKey: token } }
  }
}
