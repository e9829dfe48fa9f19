// `npm run reconcile` sends the key to the account host. An operator who changed UPSTREAM_URL to another provider and
// left ACCOUNT_URL out would have sent that provider's key to the first one's.
import { expect, it } from 'vitest'

import { parseConfig } from '../../src/config/load.ts'
import { findAccount } from '../../src/reconcile/account.ts'
import { startProcess } from '../helpers/process.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/test-secrets.ts'

const ENV = { UPSTREAM_API_KEY: TEST_CREDENTIAL, CLIENT_TOKENS: `alice:${TEST_TOKEN}` }
const OTHER = 'https://api.other.example'

function accountOf(env: Readonly<Record<string, string>>, yaml = '') {
  const file = { name: 'keystow.yaml', text: yaml }
  const { config, problems } = parseConfig({ ...ENV, ...env }, file)
  if (config === undefined) throw new Error(problems.join('\n'))
  return findAccount(config)
}

it('knows the account host of the provider that is the default, and of no other', () => {
  expect(accountOf({})?.origin).toBe('https://www.openai-hk.com')
  expect(accountOf({ UPSTREAM_URL: OTHER })).toBeUndefined()
  const env = { UPSTREAM_URL: OTHER, ACCOUNT_URL: 'https://account.other.example' }
  expect(accountOf(env)?.origin).toBe('https://account.other.example')
})

it('gives the account host no key of another provider, and counts no call to one', () => {
  const yaml = `routes:
  suno: { prefix: /suno }
  pika: { prefix: /pika, credentialEnv: PIKA_KEY }
  elsewhere: { prefix: /elsewhere, upstream: ${OTHER}, credentialEnv: OTHER_KEY }
`
  const env = { PIKA_KEY: 'hk-test-the-key-of-pika', OTHER_KEY: 'sk-test-the-key-of-another' }
  const account = accountOf(env, yaml)
  const keys = account?.credentials.map((credential) => credential.reveal())
  expect(keys).toEqual([TEST_CREDENTIAL, env.PIKA_KEY])
  const tasks = ['/mj/submit/imagine', '/mj-fast/mj/submit/imagine', '/suno/generate', '/v1/x']
  expect(tasks.map((path) => account?.modelOf(path))).toEqual(['midjourney', 'midjourney', '', ''])
  const paths = ['/v1/chat/completions', '/suno/generate', '/elsewhere/x', '/elsewhere-too']
  expect(paths.map((path) => account?.isOwnPath(path))).toEqual([true, true, false, true])
})

it('ends with what is to be set where the account host is not known', async () => {
  const env = { ...ENV, UPSTREAM_URL: OTHER }
  const command = startProcess({ env, script: 'src/cli/reconcile.ts' })
  expect(await command.exited).toBe(78)
  expect(command.stderr()).toMatch(/^ACCOUNT_URL: is not set/)
})
