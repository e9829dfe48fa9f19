import { expect, it } from 'vitest'

import { startDemoUpstream } from '../../src/demo/upstream.ts'
import { attachSqliteLedger } from '../../src/stores/sqlite-ledger/attach.ts'
import { createFolder } from '../helpers/folder.ts'
import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { readEntries } from '../helpers/ledger.ts'
import { micros, priceFile } from '../helpers/prices.ts'
import { type KeystowProcess, listeningPort, startProcess } from '../helpers/process.ts'

// A process that is killed while it streams has said nothing of what the stream used. The next one finds it, enters it
// as estimated, and charges it to the budget.

const ask = (port: number, body: object): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', authorization: 'Bearer ks-test-alice' },
    body: JSON.stringify({ messages: [{ role: 'user', content: 'hi' }], ...body }),
  })

it('enters and charges at the next start what a killed process was streaming', async () => {
  const upstream = await startDemoUpstream({ credential: TEST_CREDENTIAL })
  const folder = createFolder()
  const start = (): KeystowProcess =>
    startProcess({
      env: {
        UPSTREAM_URL: upstream.origin,
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        CLIENT_TOKENS: 'alice:ks-test-alice',
        PORT: '0',
        DATA_DIR: folder,
        PRICING_FILE: priceFile(),
        BUDGET_PER_DAY: micros(264),
      },
    })
  try {
    const first = start()
    const port = await listeningPort(first)
    const answer = await ask(port, { model: 'demo-pace-10', stream: true })
    const reader = answer.body?.getReader()
    for (let chunks = 0; chunks < 20; chunks++) await reader?.read()
    first.child.kill('SIGKILL')
    await first.exited

    const second = start()
    const nextPort = await listeningPort(second)
    await second.waitFor('entered as estimated')
    const ledger = attachSqliteLedger({ folder, timeZone: 'UTC' })
    const [entry] = await readEntries({ ledger }, 1)
    await ledger.close()
    expect(entry).toMatchObject({ ending: 'lost', isEstimated: true, clientId: 'alice' })
    expect(entry?.costMicros).toBeGreaterThan(0)
    // Less than an input and a step of output are left of 264 now, as it would be if nobody had been killed.
    expect((await ask(nextPort, { model: 'demo-fast' })).status).toBe(429)
    expect((await ask(nextPort, { model: 'demo-fast', max_tokens: 5 })).status).toBe(200)
  } finally {
    await upstream.close()
  }
})
