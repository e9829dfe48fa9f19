import type { ServerResponse } from 'node:http'

import { describe, expect, it } from 'vitest'

import { CREDENTIAL_FORMS } from '../helpers/credential-forms.ts'
import { findCredential } from '../helpers/find-credential.ts'
import { startGateway, TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { startUpstream } from '../helpers/upstream.ts'

// A scan that waits for more before it lets a byte go can be made to wait for ever: a model that is told to end each
// line with a backslash, or with the key's first letters, would see its stream freeze. What cannot become a secret
// any more has to leave at once, and after the end of an event nothing can.

const POST = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"stream":true}',
}

interface Running {
  readonly upstream: ServerResponse
  /** Resolves once the client has received exactly this much, from the beginning. */
  readonly received: (text: string) => Promise<void>
  /** Everything, when the answer has ended. */
  readonly all: Promise<string>
}

/** An answer of which the test writes each piece, and sees what has come out of it at the client. */
async function startAnswer(contentType: string): Promise<Running> {
  const begun = Promise.withResolvers<ServerResponse>()
  const upstream = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': contentType }).flushHeaders()
    begun.resolve(response)
  })
  const gateway = await startGateway({ upstream: upstream.origin })
  const response = await gateway.fetch('/v1/chat/completions', POST)
  let seen = ''
  let look = (): void => {}
  const read = async (): Promise<string> => {
    const decoder = new TextDecoder('latin1')
    for await (const chunk of response.body ?? []) {
      seen += decoder.decode(chunk)
      look()
    }
    return seen
  }
  return {
    upstream: await begun.promise,
    all: read(),
    received: (text) =>
      new Promise((resolve) => {
        look = () => seen === text && resolve()
        look()
      }),
  }
}

/** Beginnings of a form that hold no credential yet. */
const beginningsOf = (form: string): string[] =>
  Array.from({ length: form.length }, (_, index) => form.slice(0, index)).filter(
    (beginning) => findCredential(`${beginning} `, TEST_CREDENTIAL) === undefined,
  )

describe('an event that ends like the beginning of a credential', () => {
  it.each(CREDENTIAL_FORMS)('leaves before the next one comes (%s)', async (_how, write) => {
    const { upstream, received, all } = await startAnswer('text/event-stream')
    let sent = ''
    for (const beginning of beginningsOf(write(TEST_CREDENTIAL))) {
      // Line breaks of the form would end the event themselves.
      const event = `data: ${beginning.replaceAll(/[\r\n]/g, '')}\n\n`
      upstream.write(event)
      sent += event
      await received(sent)
    }
    upstream.end('data: [DONE]\n\n')
    expect(await all).toBe(`${sent}data: [DONE]\n\n`)
  })

  it.each(['\n\n', '\r\n\r\n', '\r\r', '\n\r\n'])('leaves with the empty line %j', async (end) => {
    const { upstream, received, all } = await startAnswer('text/event-stream')
    let sent = ''
    for (const last of [
      'hk-test',
      '\\',
      '\\u00',
      '%',
      '&#',
      'aGst',
      TEST_CREDENTIAL.slice(0, -1),
    ]) {
      upstream.write(`: ${last}${end}`)
      sent += `: ${last}${end}`
      await received(sent)
    }
    upstream.end(`data: [DONE]${end}`)
    expect(await all).toBe(`${sent}data: [DONE]${end}`)
  })
})

describe('what is held back of a body', () => {
  it.each([
    ['the beginning of the credential', `Hello, ${TEST_CREDENTIAL.slice(3, 20)}`, 'Hello, ', '!'],
    ['nothing of a text that can be none', 'Hello, wörld.', 'Hello, wörld.', '!'],
    ['nothing of an event that is cut', 'data: {"a":"Hello', 'data: {"a":"Hello', '"}'],
    ['an escape that is cut', 'Hello, \\u00', 'Hello, ', 'e9'],
    ['no escape of another character', 'Hello, \\u4f60.', 'Hello, \\u4f60.', '!'],
    [
      'no more backslashes than an escape has',
      `Hello, ${'\\'.repeat(40)}`,
      `Hello, ${'\\'.repeat(9)}`,
      '!',
    ],
  ])('is %s', async (_what, first, passing, rest) => {
    const { upstream, received, all } = await startAnswer('text/plain; charset=utf-8')
    upstream.write(first)
    await received(Buffer.from(passing).toString('latin1'))
    upstream.end(rest)
    expect(await all).toBe(Buffer.from(first + rest).toString('latin1'))
  })

  it('is the same whether a hit comes of it or not', async () => {
    const { upstream, received, all } = await startAnswer('text/plain')
    upstream.write(`Hello, ${TEST_CREDENTIAL.slice(0, 20)}`)
    await received('Hello, hk-')
    upstream.end(`${TEST_CREDENTIAL.slice(20)}!`)
    expect(await all).toBe('Hello, hk-[redacted]!')
  })
})
