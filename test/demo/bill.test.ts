import { expect, test } from 'vitest'

import { createBill } from '../../src/demo/bill.ts'
import {
  lastReceived,
  openSocket,
  parseEvents,
  post,
  postChat,
  rawChat,
  startDemo,
  until,
} from './demo-helpers.ts'

test('bills a JSON answer with the numbers of its usage', async () => {
  const demo = await startDemo()
  const response = await postChat(demo, 'gpt-4o', { n: 2 })
  const requestId = response.headers.get('x-request-id')
  const told = /"completion_tokens":(\d+)/.exec(await response.text())?.[1]
  expect(demo.bill()).toMatchObject([
    {
      requestId,
      path: '/v1/chat/completions',
      model: 'gpt-4o',
      streamed: false,
      inputTokens: 8,
      outputTokens: Number(told),
      outcome: 'finished',
    },
  ])
})

test.each([
  ['/v1/chat/completions', { messages: [{ role: 'user', content: '你好' }] }],
  ['/v1/completions', { prompt: '你好' }],
  ['/v1/responses', { input: '你好' }],
])('bills a stream of %s with the numbers of its usage', async (path, body) => {
  const demo = await startDemo()
  const options = { stream: true, stream_options: { include_usage: true } }
  const response = await post(demo, path, { model: 'gpt-5', ...options, ...body })
  const text = JSON.stringify(parseEvents(await response.text()))
  const told = (name: string) => Number(text.match(new RegExp(`"${name}":(\\d+)`))?.[1])
  const [entry] = demo.bill()
  expect(entry).toMatchObject({ streamed: true, outcome: 'finished' })
  expect(entry?.inputTokens).toBe(told('(?:prompt|input)_tokens'))
  expect(entry?.outputTokens).toBe(told('(?:completion|output)_tokens'))
})

test('bills an aborted stream for what it generated until then', async () => {
  const demo = await startDemo()
  const socket = openSocket(demo, rawChat('demo-silent-gap-600000', { stream: true }))
  await until(() => demo.bill()[0]?.outputTokens === 5)
  expect(demo.bill()[0]?.outcome).toBe('open')
  socket.destroy()
  await lastReceived(demo).closed
  await until(() => demo.bill()[0]?.outcome === 'aborted')
  expect(demo.bill()[0]).toMatchObject({ inputTokens: 8, outputTokens: 5 })
})

test('bills a stream that the upstream breaks off', async () => {
  const demo = await startDemo()
  const response = await postChat(demo, 'demo-reset-midstream', { stream: true })
  await expect(response.text()).rejects.toThrow('terminated')
  await until(() => demo.bill()[0]?.outcome === 'aborted')
  expect(demo.bill()[0]).toMatchObject({ outputTokens: 5 })
})

test.each(['demo-status-500', 'demo-html-502', 'demo-redirect'])(
  'bills nothing for %s',
  async (model) => {
    const demo = await startDemo()
    await (await postChat(demo, model)).text()
    expect(demo.bill()).toEqual([])
  },
)

test('keeps the newest twenty thousand entries and gives out copies', () => {
  const bill = createBill()
  const details = { path: '/', streamed: false }
  for (let i = 0; i < 20_005; i++) {
    bill.open({ ...details, requestId: `req_${i}` }, { model: 'x', inputTokens: i })
  }
  const entries = bill.list()
  expect(entries).toHaveLength(20_000)
  expect(entries[0]?.requestId).toBe('req_5')
  Object.assign(entries[0] ?? {}, { inputTokens: -1 })
  expect(bill.list()[0]?.inputTokens).toBe(5)
})
