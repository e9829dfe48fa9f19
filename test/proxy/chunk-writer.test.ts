import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { setImmediate as nextTurn } from 'node:timers/promises'

import { expect, onTestFinished, test } from 'vitest'

import { createChunkWriter, writeChunk } from '../../src/proxy/chunk-writer.ts'
import { portOf } from '../helpers/port.ts'
import { connectRaw, type RawConnection } from '../helpers/raw.ts'

type Listener = (response: ServerResponse, request: IncomingMessage) => unknown

async function serve(listener: Listener): Promise<RawConnection> {
  const server = createServer((request, response) => void listener(response, request))
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onTestFinished(() => void server.close())
  return connectRaw(portOf(server))
}

const get = (path = '/'): string => `GET ${path} HTTP/1.1\r\nhost: x\r\n\r\n`

/** The bytes behind the head. */
const bodyOf = (text: string): string => text.slice(text.indexOf('\r\n\r\n') + 4)

function startWriting(response: ServerResponse): (chunk: Buffer) => boolean {
  const writer = createChunkWriter(response)
  return (chunk) => writeChunk(writer, chunk)
}

/** Writes each text in a turn of the loop of its own. */
async function writeAll(response: ServerResponse, texts: readonly string[]): Promise<void> {
  const write = startWriting(response)
  for (const text of texts) {
    write(Buffer.from(text))
    await nextTurn()
  }
  response.end()
}

/** How many writes a socket is asked for. */
function countWrites(response: ServerResponse): () => number {
  let writes = 0
  const { socket } = response
  if (socket === null) throw new Error('the answer has no socket yet')
  const write = socket.write.bind(socket)
  Object.assign(socket, {
    write(...args: Parameters<typeof write>) {
      writes++
      return write(...args)
    },
  })
  return () => writes
}

test('frames chunks of every length as response.write does', async () => {
  const lengths = [1, 9, 15, 16, 17, 255, 256, 257, 4095, 4096, 4097, 9000]
  const texts = lengths.map((length) => 'x'.repeat(length))
  const expected = texts.map((text) => `${text.length.toString(16)}\r\n${text}\r\n`).join('')
  const raw = await serve((response) => writeAll(response, texts))
  raw.send(get())
  await raw.answers(1)
  expect(bodyOf(raw.text())).toBe(`${expected}0\r\n\r\n`)
})

test('never writes before its own head, written and not yet sent', async () => {
  const raw = await serve((response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    return writeAll(response, ['one', 'two'])
  })
  raw.send(get())
  const [answer] = await raw.answers(1)
  expect(answer).toMatchObject({ status: 200, body: 'onetwo' })
})

test('hands the socket one piece for a chunk once the head is out', async () => {
  const counted = Promise.withResolvers<number[]>()
  const raw = await serve(async (response) => {
    const write = startWriting(response)
    const writes = countWrites(response)
    const seen: number[] = []
    for (let i = 0; i < 3; i++) {
      const before = writes()
      write(Buffer.from('data: x\n\n'))
      seen.push(writes() - before)
      await nextTurn()
    }
    response.end()
    counted.resolve(seen)
  })
  raw.send(get())
  const [first = 0, ...later] = await counted.promise
  expect(first).toBeGreaterThan(1)
  expect(later).toEqual([1, 1])
})

test('keeps chunks of one turn in their order and held together', async () => {
  const counted = Promise.withResolvers<number>()
  const raw = await serve(async (response) => {
    const write = startWriting(response)
    write(Buffer.from('first'))
    await nextTurn()
    write(Buffer.from('second'))
    write(Buffer.from('third'))
    response.write('fourth')
    write(Buffer.from('fifth'))
    counted.resolve(response.socket?.writableLength ?? 0)
    await nextTurn()
    expect(response.socket?.writableCorked).toBe(0)
    response.end('last')
  })
  raw.send(get())
  const [answer] = await raw.answers(1)
  expect(answer?.body).toBe('firstsecondthirdfourthfifthlast')
  expect(await counted.promise).toBeGreaterThan('secondthirdfourthfifth'.length)
})

test('ends the answer within the turn of its last chunk', async () => {
  const finished = Promise.withResolvers<number>()
  const raw = await serve(async (response) => {
    const { socket } = response
    response.once('finish', () => finished.resolve(socket?.bytesWritten ?? -1))
    const write = startWriting(response)
    write(Buffer.from('first'))
    await nextTurn()
    write(Buffer.from('last'))
    response.end()
  })
  raw.send(get())
  const [answer] = await raw.answers(1)
  expect(answer?.body).toBe('firstlast')
  expect(await finished.promise).toBe(raw.text().length)
})

test('frames nothing for HTTP/1.0, and closes', async () => {
  const raw = await serve((response) => writeAll(response, ['one ', 'two ', 'three']))
  raw.send('GET / HTTP/1.0\r\nhost: x\r\n\r\n')
  await once(raw.socket, 'end')
  expect(bodyOf(raw.text())).toBe('one two three')
})

test('frames nothing where a length is declared', async () => {
  const raw = await serve((response) => {
    response.writeHead(200, { 'content-length': '6' })
    return writeAll(response, ['one', 'two'])
  })
  raw.send(get())
  await raw.answers(1)
  expect(bodyOf(raw.text())).toBe('onetwo')
})

test('sends no body in answer to HEAD', async () => {
  const raw = await serve((response) => writeAll(response, ['one', 'two']))
  raw.send('HEAD / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  await once(raw.socket, 'end')
  expect(bodyOf(raw.text())).toBe('')
})

test('closes behind the last chunk when the client asked for it', async () => {
  const raw = await serve((response) => writeAll(response, ['one', 'two']))
  raw.send('GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n')
  await once(raw.socket, 'end')
  expect(bodyOf(raw.text())).toBe('3\r\none\r\n3\r\ntwo\r\n0\r\n\r\n')
})

test('leaves the connection to the next request', async () => {
  const raw = await serve((response, { url = '' }) => writeAll(response, [url, url, url]))
  for (const [index, path] of ['/a', '/b', '/c'].entries()) {
    raw.send(get(path))
    const answers = await raw.answers(index + 1)
    expect(answers[index]?.body).toBe(path.repeat(3))
  }
})

test('never writes before the answer whose turn it is', async () => {
  const second = Promise.withResolvers<void>()
  const raw = await serve(async (response, { url }) => {
    if (url === '/second') {
      await writeAll(response, ['x', 'y', 'z'])
      return second.resolve()
    }
    const write = startWriting(response)
    write(Buffer.from('a'))
    await second.promise
    write(Buffer.from('b'))
    await nextTurn()
    response.end('c')
  })
  raw.send(get('/first') + get('/second'))
  const bodies = (await raw.answers(2)).map(({ body }) => body)
  expect(bodies).toEqual(['abc', 'xyz'])
})

test('asks for a pause when the client does not read, and drains when it does', async () => {
  const event = Buffer.from(`data: ${'x'.repeat(1000)}\n\n`)
  const paused = Promise.withResolvers<number>()
  const raw = await serve(async (response) => {
    const write = startWriting(response)
    let count = 1
    while (write(event)) {
      count++
      await nextTurn()
    }
    paused.resolve(response.socket?.writableLength ?? 0)
    expect(response.writableNeedDrain).toBe(true)
    await once(response, 'drain')
    response.end(`events: ${count}`)
  })
  raw.socket.pause()
  raw.send(get())
  const buffered = await paused.promise
  expect(buffered).toBeLessThan(128 * 1024)
  raw.socket.resume()
  const [answer] = await raw.answers(1)
  const count = Number(/events: (\d+)$/.exec(answer?.body ?? '')?.[1])
  expect(answer?.body.length).toBe(count * event.length + `events: ${count}`.length)
})

test('writes nothing more to a client that left', async () => {
  const gone = Promise.withResolvers<boolean>()
  const raw = await serve(async (response) => {
    const write = startWriting(response)
    write(Buffer.from('a'))
    await once(response, 'close')
    gone.resolve(write(Buffer.from('b')))
  })
  raw.send(get())
  await once(raw.socket, 'data')
  raw.socket.destroy()
  expect(await gone.promise).toBe(false)
})

test('what came alone in a read goes out at once, without waiting for more of it', async () => {
  const waiting: (number | undefined)[] = []
  const raw = await serve(async (response) => {
    const write = startWriting(response)
    write(Buffer.from('head'))
    await nextTurn()
    // As a read of the upstream's socket has them: an event, and the end of its chunk.
    const read = Buffer.from(new ArrayBuffer('two,one'.length + 2))
    read.write('two,one\r\n')
    for (const [from, to] of [
      [4, 7],
      [0, 3],
    ] as const) {
      write(read.subarray(from, to))
      waiting.push(response.socket?.writableCorked)
    }
    await nextTurn()
    response.end()
  })
  raw.send(get())
  const [answer] = await raw.answers(1)
  expect(answer).toMatchObject({ body: 'headonetwo' })
  expect(waiting).toEqual([0, 1])
})
