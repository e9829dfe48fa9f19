import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { expect, onTestFinished, test } from 'vitest'

import { prepareSocket } from '../../src/proxy/upstream-socket.ts'
import { portOf } from '../helpers/port.ts'
import { createRandom } from '../helpers/random.ts'

const SOON = { interval: 1, timeout: 5000 }

/** The two ends of a connection, of which the first is prepared. */
async function openPair(): Promise<[ours: Socket, theirs: Socket]> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const socket = connect(portOf(server), '127.0.0.1')
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const theirs = await accepted
  onTestFinished(() => {
    socket.destroy()
    theirs.destroy()
    server.close()
  })
  prepareSocket(socket, 1024)
  return [socket, theirs]
}

/** Reads as undici does: all there is, whenever it is told that there is something. */
function readAll(socket: Socket, onChunk: (chunk: Buffer) => void): void {
  socket.on('readable', () => {
    for (;;) {
      const chunk: unknown = socket.read()
      if (!Buffer.isBuffer(chunk)) return
      onChunk(chunk)
    }
  })
}

test('what comes when all has been read is given without being queued', async () => {
  const [ours, theirs] = await openPair()
  const queued: number[] = []
  let text = ''
  ours.on('readable', () => queued.push(ours.readableLength))
  readAll(ours, (chunk) => (text += chunk.toString()))
  for (const word of ['one', 'two', 'three']) {
    theirs.write(word)
    await expect.poll(() => text.endsWith(word), SOON).toBe(true)
  }
  expect(text).toBe('onetwothree')
  expect(queued.slice(1)).toEqual([0, 0])
})

test('what nobody takes is there to be read later', async () => {
  const [ours, theirs] = await openPair()
  let taken = ''
  ours.on('readable', () => {
    if (taken !== '') return
    taken = String(ours.read())
    expect(ours.read()).toBe(null)
  })
  theirs.write('one')
  await expect.poll(() => taken, SOON).toBe('one')
  theirs.write('two')
  await expect.poll(() => ours.readableLength, SOON).toBe('two'.length)
  theirs.end('three')
  await expect.poll(() => ours.readableLength, SOON).toBe('twothree'.length)
  expect(String(ours.read())).toBe('twothree')
})

test('what is put back comes first, and everything comes once and in its order', async () => {
  const [ours, theirs] = await openPair()
  const random = createRandom(3)
  const sent = Buffer.alloc(400_000)
  for (let at = 0; at < sent.length; at++) sent[at] = Math.floor(random() * 256)
  const received: Buffer[] = []
  let isPaused = false
  const readMore = (): void => {
    while (!isPaused) {
      const chunk: unknown = ours.read()
      if (!Buffer.isBuffer(chunk)) return
      const taken = random() < 0.5 ? chunk.length : Math.floor(random() * chunk.length)
      received.push(Buffer.from(chunk.subarray(0, taken)))
      isPaused = taken < chunk.length
      if (isPaused) ours.unshift(chunk.subarray(taken))
    }
  }
  ours.on('readable', readMore)
  for (let at = 0; at < sent.length;) {
    const to = at + 1 + Math.floor(random() * 9000)
    theirs.write(sent.subarray(at, to))
    at = to
    await nextTurn()
    if (random() < 0.5) isPaused = false
    readMore()
  }
  theirs.end()
  while (!ours.readableEnded) {
    await nextTurn()
    isPaused = false
    readMore()
  }
  expect(Buffer.concat(received).equals(sent)).toBe(true)
})

test('a reader that throws ends the connection, and nothing follows what it has not read', async () => {
  const [ours, theirs] = await openPair()
  let taken = ''
  readAll(ours, (chunk) => {
    taken += chunk.toString()
    if (taken === 'onetwo') throw new Error('not today')
  })
  theirs.write('one')
  await expect.poll(() => taken, SOON).toBe('one')
  // Here and not off the wire, where nobody could catch it.
  expect(() => ours.push(Buffer.from('two'))).toThrow('not today')
  expect(ours.destroyed).toBe(true)
  theirs.write('three')
  await nextTurn()
  expect(taken).toBe('onetwo')
})
