import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'

import type { ConsoleMessage, Page } from 'playwright-core'
import { describe, expect, it, onTestFinished } from 'vitest'

import { launchBrowser } from '../../helpers/browser.ts'
import { findProgram } from '../../helpers/programs.ts'
import { runProgram } from '../../helpers/run-program.ts'
import { startServer } from '../../helpers/upstream.ts'
import {
  askForText,
  CHAT_REQUEST,
  expectNoCredential,
  expectSuccess,
  PROGRAM_TEST_TIMEOUT_MS,
  readRequest,
  setStage,
  type Stage,
} from './stage.ts'

const PROGRESS = '过程性结果：'
const FINAL = '✅最终结果：'
const FAILURE = '❎错误：'

/** XMLHttpRequest tells progress every 50 ms at most and axios three times a second: slow enough for several. */
const PACE_MS = 60

const NODE_FILES = ['axios-for-node.cjs', 'print-deep.cjs']
const AXIOS_FILE = fileURLToPath(
  new URL('../../../node_modules/axios/dist/axios.min.js', import.meta.url),
)

const chromium = findProgram('chromium')

describe('the typing effect', { timeout: PROGRAM_TEST_TIMEOUT_MS }, () => {
  it('ends with the whole text in Node', async () => {
    const stage = await setStage({ example: 'typing-effect.js', beside: NODE_FILES })
    const preloaded = NODE_FILES.flatMap((name) => ['--require', `./${name}`])
    const run = await runProgram(process.execPath, [...preloaded, 'typing-effect.js'], {
      cwd: stage.directory,
    })
    expectSuccess(run)
    const text = await expectStreamRequest(stage)
    expect(run.stdout).toContain(`${PROGRESS} ${text}\n${FINAL} {\n  text: '${text}'`)
    expect(run.stdout).not.toContain(FAILURE)
    expectNoCredential(stage, run.stdout, run.stderr)
  })

  it.skipIf(chromium === undefined)('types in a page from another origin', async () => {
    const files = new Map<string, string>()
    const pageOrigin = await servePage(files)
    const stage = await setStage({
      example: 'typing-effect.js',
      beside: ['typing-effect.html'],
      env: { ALLOWED_ORIGINS: pageOrigin },
      paceMs: PACE_MS,
    })
    for (const name of ['typing-effect.html', 'typing-effect.js']) {
      files.set(`/${name}`, await readFile(`${stage.directory}/${name}`, 'utf8'))
    }
    files.set('/axios.min.js', await readFile(AXIOS_FILE, 'utf8'))

    const seen = await watchPage(`${pageOrigin}/typing-effect.html`)
    expect(seen.errors).toEqual([])
    const text = await expectStreamRequest(stage)
    expect(seen.final).toMatchObject({ text })

    const partial = [...new Set(seen.progress)].filter((progress) => progress !== text)
    expect(partial.filter((progress) => progress !== '').length).toBeGreaterThan(1)
    for (const progress of partial) expect(text.startsWith(progress)).toBe(true)
    expect(partial).toEqual(partial.toSorted((a, b) => a.length - b.length))
    expect(seen.progress.at(-1)).toBe(text)
    expectNoCredential(stage, JSON.stringify(seen))
  })
})

interface SeenPage {
  /** What the example's onMessage wrote, in order. */
  readonly progress: string[]
  readonly final: unknown
  readonly errors: string[]
}

/** Opens the page and writes down what the example prints, until it has ended. */
async function watchPage(url: string): Promise<SeenPage> {
  const browser = await launchBrowser()
  onTestFinished(() => browser.close())
  const page: Page = await browser.context.newPage()
  const errors: string[] = []
  page.on('pageerror', (error) => errors.push(String(error)))
  const messages: ConsoleMessage[] = []
  const ended = new Promise<void>((resolve) => {
    page.on('console', (message) => {
      messages.push(message)
      if (message.type() === 'error') errors.push(message.text())
      if (message.text().startsWith(FINAL) || message.text().startsWith(FAILURE)) resolve()
    })
  })
  await page.goto(url)
  await ended
  const values = (title: string): Promise<unknown[]> =>
    Promise.all(
      messages
        .filter((message) => message.text().startsWith(title))
        .map(async (message): Promise<unknown> => message.args()[1]?.jsonValue()),
    )
  errors.push(...(await values(FAILURE)).map(String))
  const progress = (await values(PROGRESS)).map(String)
  return { progress, final: (await values(FINAL))[0], errors }
}

/** The page's own server: an origin that is not Keystow's. */
function servePage(files: ReadonlyMap<string, string>): Promise<string> {
  return startServer((request, response) => {
    const text = files.get(request.url ?? '')
    const type = request.url?.endsWith('.html') ? 'text/html' : 'text/javascript'
    response.writeHead(text === undefined ? 404 : 200, { 'content-type': `${type}; charset=utf-8` })
    response.end(text)
  })
}

/** What the upstream was asked, and what it said to that. */
async function expectStreamRequest(stage: Stage): Promise<string> {
  const { body, json } = await readRequest(stage, '/v1/chat/completions')
  const messages = [
    { role: 'system', content: 'You are ChatGPT' },
    { role: 'user', content: '你是谁？' },
  ]
  expect(json).toMatchObject({ ...CHAT_REQUEST, messages, stream: true })
  expect(body.toString()).toContain('"content":"你是谁？"')
  return askForText(stage, json)
}
