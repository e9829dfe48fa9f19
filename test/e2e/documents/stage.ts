import { copyFile, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { expect, onTestFinished } from 'vitest'

import { type DemoUpstream, startDemoUpstream } from '../../../src/demo/upstream.ts'
import { type Gateway, startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../../helpers/gateway.ts'
import type { ProgramRun } from '../../helpers/run-program.ts'
import { startTap, type Tap } from '../../helpers/run-tap.ts'

/** An example of the documents in a directory of its own, and everything it will talk to. */
export interface Stage {
  readonly directory: string
  readonly gateway: Gateway
  readonly upstream: DemoUpstream
  readonly tap: Tap
}

interface StageOptions {
  /** The example: its file in `examples/`. */
  readonly example: string
  /** Files of `examples/` that it needs beside it. */
  readonly beside?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly paceMs?: number
}

interface SentRequest {
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
  readonly body: Buffer
  readonly json: Record<string, unknown>
}

interface ChatAnswer {
  readonly choices: readonly { readonly message: { readonly content: string } }[]
}

/** A first compile on two busy cores takes its time. */
export const PROGRAM_TEST_TIMEOUT_MS = 180_000

export const SYSTEM_TEXT =
  'You are ChatGPT, a large language model trained by OpenAI. Answer as concisely as possible.'

/** What every chat example of the page asks. */
export const CHAT_REQUEST = {
  max_tokens: 1200,
  model: 'gpt-3.5-turbo',
  temperature: 0.8,
  top_p: 1,
  presence_penalty: 1,
  messages: [
    { role: 'system', content: SYSTEM_TEXT },
    { role: 'user', content: '你是chatGPT多少？' },
  ],
}

const PAGE_ORIGIN = 'https://api.openai-hk.com'
const PAGE_KEYS = /hk-(?:替换为)?你的key/g

const EXAMPLES = fileURLToPath(new URL('examples/', import.meta.url))
const NODE_MODULES = fileURLToPath(new URL('../../../node_modules', import.meta.url))

/**
 * Copies the example into an empty directory, with Keystow's URL and a client token where it has the
 * provider's URL and the key, and starts Keystow in front of the built-in upstream; all ends with the test.
 */
export async function setStage(options: StageOptions): Promise<Stage> {
  const { example, beside = [], env = {}, paceMs = 0 } = options
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL, paceMs })
  onTestFinished(() => upstream.close())
  const gateway = await startGateway({ upstream: upstream.origin, env })
  const tap = await startTap(gateway.port)
  const directory = await mkdtemp(join(tmpdir(), 'keystow-documents-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true, maxRetries: 5 }))
  const text = await readFile(join(EXAMPLES, example), 'utf8')
  await writeFile(join(directory, example), replacePlaceholders(text, tap.origin))
  await Promise.all(beside.map((name) => copyFile(join(EXAMPLES, name), join(directory, name))))
  await symlink(NODE_MODULES, join(directory, 'node_modules'))
  return { directory, gateway, upstream, tap }
}

/** The one request of the example as the upstream saw it, with the credential in the place of the token. */
export async function readRequest({ upstream }: Stage, path: string): Promise<SentRequest> {
  expect(upstream.received.map((request) => request.path)).toEqual([path])
  const request = upstream.received[0]
  if (request === undefined) throw new Error('the upstream has no request')
  await request.bodyDone
  expect(request.method).toBe('POST')
  expect(request.headers['authorization']).toBe(`Bearer ${TEST_CREDENTIAL}`)
  expect(JSON.stringify(request.headers)).not.toContain(TEST_TOKEN)
  const { headers, body } = request
  const json: Record<string, unknown> = JSON.parse(body.toString())
  return { headers, body, json }
}

/** What the upstream says when it is asked the same directly, as JSON. */
export async function askDirectly(
  { upstream }: Stage,
  path: string,
  json: unknown,
): Promise<string> {
  const response = await fetch(upstream.origin + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_CREDENTIAL}`, 'content-type': 'application/json' },
    body: JSON.stringify(json),
  })
  expect(response.status).toBe(200)
  return response.text()
}

/** The assistant's words in the upstream's own answer. */
export async function askForText(stage: Stage, json: Record<string, unknown>): Promise<string> {
  const chat: ChatAnswer = JSON.parse(
    await askDirectly(stage, '/v1/chat/completions', { ...json, stream: false }),
  )
  const text = chat.choices[0]?.message.content ?? ''
  expect(text).toMatch(/^你好.*🚀🎉👋$/su)
  return text
}

export function expectSuccess({ exit, stderr, stdout }: ProgramRun): void {
  expect({ exit, stdout, stderr }).toMatchObject({ exit: 0 })
}

/** The credential is in nothing that the example received, wrote or caused to be logged. */
export function expectNoCredential({ tap, gateway }: Stage, ...written: string[]): void {
  expect(tap.answered().length).toBeGreaterThan(0)
  for (const text of [tap.answered().toString('latin1'), gateway.log(), ...written]) {
    expect(text).not.toContain(TEST_CREDENTIAL)
  }
}

function replacePlaceholders(text: string, origin: string): string {
  expect(text).toContain(PAGE_ORIGIN)
  expect(text).toMatch(PAGE_KEYS)
  return text.replaceAll(PAGE_ORIGIN, origin).replaceAll(PAGE_KEYS, TEST_TOKEN)
}
