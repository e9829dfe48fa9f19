import { once } from 'node:events'
import { MessageChannel, Worker } from 'node:worker_threads'

import { expect, it, onTestFinished } from 'vitest'

import { createCalls } from '../../src/workers/calls.ts'

const ROUNDS = 12

/** Long enough for a thread to end while it lasts. */
function beBusy(): void {
  const until = performance.now() + 30
  while (performance.now() < until);
}

async function hearThread(): Promise<unknown[]> {
  const { port1, port2 } = new MessageChannel()
  const heard: unknown[] = []
  const calls = createCalls(port1, { note: (text) => heard.push(text) })
  const script = new URL('parting-thread.ts', import.meta.url)
  const worker = new Worker(script, { workerData: port2, transferList: [port2] })
  const busy = setInterval(beBusy, 1)
  await new Promise<void>((resolve) => {
    worker.once('exit', () => {
      calls.close()
      resolve()
    })
  })
  clearInterval(busy)
  return heard
}

// Its end and what it said before come in either order to who has much to do.
it('hears all that a thread has said before it ended', async () => {
  for (let round = 0; round < ROUNDS; round++) expect(await hearThread()).toEqual(['first', 'last'])
})

it('sends in one message what is asked in one turn', async () => {
  const { port1, port2 } = new MessageChannel()
  const calls = createCalls(port1, {})
  onTestFinished(() => calls.close())

  calls.tell('note', 'first')
  // Other callbacks of this turn come between.
  await new Promise<void>((resolve) => process.nextTick(resolve))
  calls.tell('note', 'last')

  const [message]: unknown[] = await once(port2, 'message')
  expect(message).toMatchObject([{ input: 'first' }, { input: 'last' }])
})

it('sends what it was told last when it is closed', async () => {
  const { port1, port2 } = new MessageChannel()
  const calls = createCalls(port1, {})
  calls.tell('note', 'last')
  calls.close()
  const [message]: unknown[] = await once(port2, 'message')
  expect(message).toMatchObject([{ input: 'last' }])
})
