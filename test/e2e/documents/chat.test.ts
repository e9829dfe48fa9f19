import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { runInNewContext } from 'node:vm'

import { describe, expect, it } from 'vitest'

import { findProgram, OKHTTP_JARS } from '../../helpers/programs.ts'
import { type ProgramRun, runProgram } from '../../helpers/run-program.ts'
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

const CHAT_PATH = '/v1/chat/completions'

const curl = findProgram('curl')
const php = findProgram('php')
const python = findProgram('python3')
const javac = findProgram('javac')
const java = findProgram('java')
const go = findProgram('go')

const OKHTTP_CLASS_PATH = OKHTTP_JARS.join(':')

describe('the chat example', { timeout: PROGRAM_TEST_TIMEOUT_MS }, () => {
  it.skipIf(curl === undefined)('runs in curl', async () => {
    const stage = await setStage({ example: 'chat.sh' })
    const run = await runProgram('/bin/sh', ['chat.sh'], { cwd: stage.directory })
    expect(JSON.parse(run.stdout)).toMatchObject(await expectedAnswer(stage, run))
  })

  it.skipIf(php === undefined)('runs in PHP', async () => {
    const stage = await setStage({ example: 'chat.php' })
    const run = await runProgram(need(php), ['chat.php'], { cwd: stage.directory })
    expect(JSON.parse(run.stdout)).toMatchObject(await expectedAnswer(stage, run))
  })

  it.skipIf(python === undefined)('runs in Python with requests', async () => {
    const stage = await setStage({ example: 'chat.py' })
    const run = await runProgram(need(python), ['chat.py'], { cwd: stage.directory })
    expect(JSON.parse(run.stdout)).toMatchObject(await expectedAnswer(stage, run))
  })

  it('runs in JavaScript with axios', async () => {
    const stage = await setStage({ example: 'chat.js', beside: ['print-deep.cjs'] })
    const run = await runNode(stage, 'chat.js')
    expect(readInspected(run)).toMatchObject(await expectedAnswer(stage, run))
  })

  it('compiles and runs in TypeScript with axios', async () => {
    const stage = await setStage({ example: 'chat.ts', beside: ['print-deep.cjs'] })
    const { directory } = stage
    const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript')), '../bin/tsc')
    expectSuccess(
      await runProgram(process.execPath, [tsc, ...TSC_OPTIONS, 'chat.ts'], { cwd: directory }),
    )
    const run = await runNode(stage, 'chat.ts')
    expect(readInspected(run)).toMatchObject(await expectedAnswer(stage, run))
  })

  it.skipIf(javac === undefined || java === undefined)('runs in Java with okhttp', async () => {
    const stage = await setStage({ example: 'OpenAIChat.java' })
    const cwd = stage.directory
    const compile = ['-cp', OKHTTP_CLASS_PATH, '-encoding', 'UTF-8', 'OpenAIChat.java']
    expectSuccess(await runProgram(need(javac), compile, { cwd }))
    const run = await runProgram(need(java), ['-cp', `${OKHTTP_CLASS_PATH}:.`, 'OpenAIChat'], {
      cwd,
    })
    expect(JSON.parse(run.stdout)).toMatchObject(await expectedAnswer(stage, run))
  })

  it.skipIf(go === undefined)('runs in Go', async () => {
    const stage = await setStage({ example: 'chat.go' })
    const { directory } = stage
    const env = { HOME: directory, GO111MODULE: 'off', GOPROXY: 'off' }
    const run = await runProgram(need(go), ['run', 'chat.go'], { cwd: directory, env })
    expectSuccess(run)
    expect(run.stdout).toBe('Response HTTP Status: 200\n')
    await expectChatRequest(stage)
    expectNoCredential(stage, run.stdout, run.stderr)
  })
})

const TSC_OPTIONS = '--noEmit --strict --module nodenext --target es2024 --types node'.split(' ')

const runNode = ({ directory }: Stage, script: string): Promise<ProgramRun> =>
  runProgram(process.execPath, ['--require', './print-deep.cjs', script], { cwd: directory })

/** The answer of a program that has done what its page says: what the upstream says when asked directly. */
async function expectedAnswer(stage: Stage, run: ProgramRun): Promise<object> {
  expectSuccess(run)
  const json = await expectChatRequest(stage)
  expectNoCredential(stage, run.stdout, run.stderr)
  const message = { role: 'assistant', content: await askForText(stage, json) }
  return {
    id: expect.stringMatching(/^chatcmpl-/),
    object: 'chat.completion',
    model: 'gpt-3.5-turbo',
    choices: [{ index: 0, message, finish_reason: 'stop' }],
    usage: { total_tokens: expect.any(Number) },
  }
}

/** What Node showed with console.log: an expression, written by the program of this test. */
function readInspected({ stdout }: ProgramRun): unknown {
  return runInNewContext(`(${stdout})`)
}

/** What the upstream was asked is what the page's program asks, to the byte. */
async function expectChatRequest(stage: Stage): Promise<Record<string, unknown>> {
  const { headers, body, json } = await readRequest(stage, CHAT_PATH)
  expect(headers['content-type']).toMatch(/^application\/json/)
  expect(json).toEqual(CHAT_REQUEST)
  expect(stage.tap.sent().includes(body)).toBe(true)
  return json
}

function need(path: string | undefined): string {
  if (path === undefined) throw new Error('the program is not installed')
  return path
}
