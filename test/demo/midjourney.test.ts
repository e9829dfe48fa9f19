import { expect, test } from 'vitest'

import { BEARER, get, post, startDemo } from './demo-helpers.ts'

const FIRST_ID = '17320000000000000001'
const ACTIONS = ['imagine', 'change', 'action', 'blend', 'describe', 'shorten', 'modal']
const PREFIXES = ['', '/mj-fast', '/mj-relax', '/mj-turbo', '/fast', '/relax']

test.each(ACTIONS)('submits %s and answers a bare integer above 2^53', async (action) => {
  const demo = await startDemo()
  const response = await post(demo, `/mj/submit/${action}`, { prompt: '山水' })
  expect(response.headers.get('content-type')).toBe('application/json')
  expect(await response.text()).toContain(
    `"code":1,"description":"Submit success","result":${FIRST_ID},`,
  )
  expect(BigInt(FIRST_ID) > BigInt(Number.MAX_SAFE_INTEGER)).toBe(true)
})

test.each(PREFIXES)('serves the prefix %j', async (prefix) => {
  const demo = await startDemo()
  const submitted = await post(demo, `${prefix}/mj/submit/imagine`, { prompt: 'x' })
  expect(await submitted.text()).toContain(`"result":${FIRST_ID},`)
  const task = await (await get(demo, `${prefix}/mj/task/${FIRST_ID}/fetch`)).text()
  expect(task).toMatch(new RegExp(`^\\{"id":${FIRST_ID},"action":"IMAGINE","prompt":"x"`))
})

test('gets further with every fetch and ends with an image', async () => {
  const demo = await startDemo()
  await post(demo, '/mj/submit/imagine', { prompt: 'x' })
  const seen: string[] = []
  for (let i = 0; i < 6; i++) {
    const text = await (await get(demo, `/mj/task/${FIRST_ID}/fetch`)).text()
    seen.push(/"progress":"(\d+%)","status":"(\w+)"/.exec(text)?.slice(1).join(' ') ?? '')
    expect(text.includes('"imageUrl":"data:image/png')).toBe(i >= 4)
  }
  expect(seen).toEqual([
    '0% SUBMITTED',
    '25% IN_PROGRESS',
    '50% IN_PROGRESS',
    '75% IN_PROGRESS',
    '100% SUCCESS',
    '100% SUCCESS',
  ])
})

test('lists tasks by ids in digits or strings', async () => {
  const demo = await startDemo()
  await post(demo, '/mj/submit/imagine', { prompt: 'one' })
  await post(demo, '/mj/submit/imagine', { prompt: 'two' })
  const headers = { ...BEARER, 'content-type': 'application/json' }
  const body = '{"ids":[17320000000000000002,"17320000000000000001",5]}'
  const url = `${demo.origin}/mj/task/list-by-condition`
  const text = await (await fetch(url, { method: 'POST', headers, body })).text()
  expect(text.match(/"id":\d+/g)).toEqual([
    '"id":17320000000000000002',
    '"id":17320000000000000001',
  ])
})

test('answers an unknown task 200 with a code, as the original does', async () => {
  const demo = await startDemo()
  const response = await get(demo, '/mj/task/404/fetch')
  expect(response.status).toBe(200)
  expect(await response.json()).toMatchObject({ code: 4 })
})

test('misbehaves by the query', async () => {
  const demo = await startDemo()
  expect((await get(demo, '/mj/task/1/fetch?model=demo-html-502')).status).toBe(502)
})
