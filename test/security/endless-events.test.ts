import { describe, expect, it } from 'vitest'

import { startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { ledgerIsOpen, peakMib } from '../helpers/memory.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { startUpstream, writePlenty } from '../helpers/upstream.ts'

// A proxy that reads a stream event by event has to keep the one that has begun, and an upstream need never end it:
// one event, one header, one line without an end, and the process is out of memory. What is held back is
// no longer than 64 KiB of an event, and the credential written at its longest.

const MIB = 1024 * 1024
const EVENT_BYTES = 120 * MIB
const MAX_GROWTH_MIB = 96
const SECRET = TEST_CREDENTIAL.slice('hk-'.length)

const POST = {
  method: 'POST',
  headers: { 'content-type': 'application/json', authorization: `Bearer ${TEST_TOKEN}` },
  body: '{"stream":true}',
}

/** Writes this piece until so many bytes are written, no faster than they are read, and then the last words. */
function startEndless(first: string, piece: string, last: string) {
  return startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
    writePlenty(response, { piece, totalBytes: EVENT_BYTES, last })
  })
}

const SECRET_BEGINNING = SECRET.slice(0, -1)

describe.skipIf(process.platform !== 'linux')('an event of 120 MB', () => {
  it.each([
    ['of a text', 'x'.repeat(64 * 1024)],
    ['of backslashes', '\\'.repeat(64 * 1024)],
    ['of percent signs', '%'.repeat(64 * 1024)],
    ['of beginnings of the credential', SECRET_BEGINNING.repeat(1000)],
    ['of bytes that begin a character', '\xf0'.repeat(32 * 1024)],
  ])('(%s) takes no memory to speak of, and is searched to its end', async (_what, piece) => {
    const upstream = await startEndless('data: "', piece, `"${SECRET}"\n\ndata: [DONE]\n\n`)
    const keystow = startProcess({
      env: {
        PORT: '0',
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        UPSTREAM_URL: upstream.origin,
        CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
      },
    })
    const port = await listeningPort(keystow)
    const pid = keystow.child.pid ?? 0
    await ledgerIsOpen(pid)
    const idleMib = peakMib(pid)
    const response = await fetch(`http://127.0.0.1:${port}/v1/chat/completions`, POST)
    let bytes = 0
    let tail = Buffer.alloc(0)
    for await (const chunk of response.body ?? []) {
      bytes += chunk.length
      tail = Buffer.concat([tail, chunk]).subarray(-200)
    }
    expect(bytes).toBeGreaterThan(EVENT_BYTES)
    expect(tail.toString()).toContain('[redacted]')
    expect(tail.toString()).not.toContain(SECRET)
    expect(peakMib(pid) - idleMib).toBeLessThan(MAX_GROWTH_MIB)
  })
})

describe('an event that does not end', () => {
  it.each([
    ['once it is longer than can be waited for', '/v1/chat/completions', 'x'.repeat(64 * 1024)],
    ['where a broken connection is all that can tell of its end', '/v1/images/generations', ''],
  ])('is passed on as it comes %s', async (_when, path, filling) => {
    let goOn = (): void => {}
    const first = `data: {"a":"${filling}first `
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(first)
      goOn = () => response.write('second ')
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const leave = new AbortController()
    const response = await gateway.fetch(path, { ...POST, signal: leave.signal })
    const reader = response.body?.getReader()
    const read = async (): Promise<string> =>
      Buffer.from((await reader?.read())?.value ?? '').toString()
    let text = ''
    while (text.length < first.length) text += await read()
    expect(text).toBe(first)
    goOn()
    expect(await read()).toBe('second ')
    leave.abort()
  })
})
