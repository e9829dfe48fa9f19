import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

import { describe, expect, it, onTestFinished } from 'vitest'

import { KeystowError } from '../../src/errors.ts'
import { type BodyReading, readBody } from '../../src/proxy/request-body.ts'

// A small body is read before anybody knows whether it is wanted: nothing of it may be lost until then, and whoever
// wants it later must be told as if it had waited.

async function startUpload(framing: string) {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const socket = connect(typeof address === 'object' ? (address?.port ?? 0) : 0, '127.0.0.1')
  socket.on('error', () => {})
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  const requested = once(server, 'request')
  socket.write(`POST / HTTP/1.1\r\nhost: a\r\n${framing}\r\n\r\n`)
  const [request]: IncomingMessage[] = await requested
  if (request === undefined) throw new Error('no request came')
  return { socket, request, reading: readBody(request) }
}

const write = async (socket: Socket, text: string): Promise<void> => {
  socket.write(text)
  await sleep(20)
}

describe('a body that is read before it is wanted', () => {
  it('is shown whole, what came before and what comes after', async () => {
    const { socket, reading } = await startUpload('content-length: 6')
    await write(socket, 'ab')
    await write(socket, 'cd')
    const pieces: string[] = []
    const read = reading.to((piece) => void pieces.push(piece.toString()))
    expect(pieces).toEqual(['ab', 'cd'])
    await write(socket, 'ef')
    await read
    expect(pieces).toEqual(['ab', 'cd', 'ef'])
  })

  it('is shown when it has ended, and its connection is gone', async () => {
    const { socket, request, reading } = await startUpload('content-length: 2')
    await write(socket, 'ab')
    socket.destroy()
    await expect.poll(() => request.destroyed).toBe(true)
    const pieces: string[] = []
    await reading.to((piece) => void pieces.push(piece.toString()))
    expect(pieces).toEqual(['ab'])
  })

  it('is refused with what its reader throws, at the first piece', async () => {
    const { socket, reading } = await startUpload('content-length: 4')
    await write(socket, 'ab')
    await write(socket, 'cd')
    let pieces = 0
    const read = reading.to(() => {
      pieces++
      throw new Error('too large')
    })
    await expect(read).rejects.toThrow('too large')
    expect(pieces).toBe(1)
  })

  it('is cut off when its client left before it was wanted', async () => {
    const { socket, request, reading } = await startUpload('content-length: 4')
    await write(socket, 'ab')
    socket.destroy()
    await expect.poll(() => request.destroyed).toBe(true)
    await expect(reading.to(() => {})).rejects.toThrow('cut off')
  })

  it('is cut off when its client leaves while it is read', async () => {
    const { socket, reading } = await startUpload('content-length: 4')
    await write(socket, 'ab')
    const read = reading.to(() => {})
    socket.destroy()
    await expect(read).rejects.toThrow('cut off')
  })

  it('is refused with an error that it was given meanwhile', async () => {
    const { request, reading } = await startUpload('content-length: 4')
    const error = new KeystowError('draining')
    request.emit('error', error)
    await expect(reading.to(() => {})).rejects.toBe(error)
  })
})

/** The most pieces, and the most bytes, that one turn of the event loop saw; and how many bytes there were. */
async function watchTurns(reading: BodyReading) {
  const most = { pieces: 0, bytes: 0 }
  let [pieces, bytes, length] = [0, 0, 0]
  await reading.to((piece) => {
    if (pieces === 0) setImmediate(() => ([pieces, bytes] = [0, 0]))
    pieces++
    bytes += piece.length
    length += piece.length
    most.pieces = Math.max(most.pieces, pieces)
    most.bytes = Math.max(most.bytes, bytes)
  })
  return { most, length }
}

describe('a body that comes as fast as it is read', () => {
  it('leaves the event loop to others after a part of it', async () => {
    const bytes = 16 * 1024 * 1024
    const { socket, reading } = await startUpload(`content-length: ${bytes}`)
    socket.write(Buffer.alloc(bytes))
    const { most, length } = await watchTurns(reading)
    expect(length).toBe(bytes)
    expect(most.bytes).toBeLessThan(512 * 1024)
  })

  it('does so in pieces of a byte, too', async () => {
    const chunks = 40_000
    const { socket, reading } = await startUpload('transfer-encoding: chunked')
    socket.write(`${'1\r\na\r\n'.repeat(chunks)}0\r\n\r\n`)
    const { most, length } = await watchTurns(reading)
    expect(length).toBe(chunks)
    expect(most.pieces).toBeLessThan(1000)
  })
})
