import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { expect, it, onTestFinished } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { clientYaml, startReloadable } from '../helpers/reloadable.ts'

const yaml = (...clients: readonly string[]): string => `clients:\n${clients.join('')}`

async function start(first: string, env: Readonly<Record<string, string>> = {}) {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL, paceMs: 1 })
  onTestFinished(() => upstream.close())
  const running = await startReloadable({
    upstream: upstream.origin,
    yaml: first,
    env: { PRICING_FILE: priceFile(), ...env },
  })
  const ask = (token: string, body: object = {}): Promise<Response> =>
    running.fetch('/v1/chat/completions', token, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ model: 'demo-fast', messages: [{ role: 'user' }], ...body }),
    })
  const status = async (token: string): Promise<number> => {
    const answer = await ask(token)
    await answer.text()
    return answer.status
  }
  return { ...running, ask, status }
}

it('takes up a new budget with what was spent before, and lets a stream that runs keep its own', async () => {
  const running = await start(yaml(clientYaml('bob')))
  expect(await running.status('bob')).toBe(200)
  const stream = await running.ask('bob', { model: 'demo-long-1500', stream: true })
  running.write(yaml(clientYaml('bob', `, budgetPerDay: ${micros(20)}`)))
  await running.hangUp(/"msg":"reloaded"/)
  expect(await running.status('bob')).toBe(429)
  expect(await stream.text()).not.toContain('budget_exceeded')

  running.write(yaml(clientYaml('bob', ', budgetPerDay: 1, quotaPerDay: 3')))
  await running.hangUp(/"msg":"reloaded"/)
  expect(await running.status('bob')).toBe(200)
  expect(await running.status('bob')).toBe(429)

  // 0 is no limit, and takes that of the instance away.
  running.write(`${yaml(clientYaml('bob', ', quotaPerDay: 0'))}quotaPerDay: 1\n`)
  await running.hangUp(/"msg":"reloaded"/)
  expect(await running.status('bob')).toBe(200)
})

it('says which budget is mistyped, and keeps those that it has', async () => {
  const running = await start(yaml(clientYaml('bob', ', quotaPerDay: 1')))
  expect(await running.status('bob')).toBe(200)
  running.write(
    `${yaml(clientYaml('bob', ', qoutaPerDay: 9, budgetPerDay: lots'))}totalBudgetsPerDay: 5\n`,
  )
  await running.hangUp(/not reloaded/)
  const said = running.keystow.stdout()
  expect(said).toContain('did you mean quotaPerDay?')
  expect(said).toContain('did you mean totalBudgetPerDay?')
  expect(said).toContain('give an amount such as 5 or 2.50')
  expect(await running.status('bob')).toBe(429)
})

it('takes up no budget that the ledger cannot keep over a restart', async () => {
  // A file stands where the folder should be.
  const file = join(createFolder(), 'file')
  writeFileSync(file, '')
  const running = await start(yaml(clientYaml('bob')), { DATA_DIR: join(file, 'data') })
  running.write(yaml(clientYaml('bob', ', quotaPerDay: 1')))
  await running.hangUp(/not reloaded/)
  expect(running.keystow.stdout()).toContain('DATA_DIR: cannot be written, and budgets rest on it')
  expect(await running.status('bob')).toBe(200)
  expect(await running.status('bob')).toBe(200)
})
