import { describe, expect, it } from 'vitest'

import { createCertificate, openssl } from '../helpers/certificate.ts'
import { CREDENTIAL_FORMS } from '../helpers/credential-forms.ts'
import { findCredential } from '../helpers/find-credential.ts'
import { startGateway, TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { type WireAnswer, sendOverWire } from '../helpers/wire-client.ts'
import {
  type ScriptedHandler,
  startScriptedUpstream,
  writeApart,
} from '../helpers/scripted-upstream.ts'

// OpenAI's own 401 says "Incorrect API key provided: sk-…"; debugging upstreams echo the request, redirects carry it
// in their query, error pages escape it, logs quote it in JSON within JSON or as Basic authorization. A hostile
// upstream, or one that a client has learnt to make talk, hides it in any place of an answer, and cuts it anywhere.

/** An answer that holds a text in one place. What stands under `body` is sent in chunks. */
type Place = (leak: string) => readonly Piece[]
type Piece = string | { readonly body: string }

const OK = 'HTTP/1.1 200 OK\r\n'
const CHUNKED = 'transfer-encoding: chunked\r\n\r\n'
const JSON_TYPE = 'content-type: application/json\r\n'
const SSE_TYPE = 'content-type: text/event-stream\r\n'
const DONE = 'data: [DONE]\n\n'

const sized = (body: string): string => `content-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`
const json = (leak: string): string =>
  `{"error":{"message":"Incorrect API key provided: ${leak}."}}`

/** Places whose text reaches the client, but for the credential in it. */
const PASSING: Readonly<Record<string, Place>> = {
  'a JSON body': (leak) => [`HTTP/1.1 401 Unauthorized\r\n${JSON_TYPE}${sized(json(leak))}`],
  'a JSON body in chunks': (leak) => [
    `HTTP/1.1 500 Oops\r\n${JSON_TYPE}${CHUNKED}`,
    { body: json(leak) },
  ],
  'an error page': (leak) => [
    `HTTP/1.1 502 Bad Gateway\r\ncontent-type: text/html\r\n${sized(`<p>${leak}</p>`)}`,
  ],
  'a body without a length': (leak) => [
    `${OK}content-type: text/plain\r\nconnection: close\r\n\r\n${leak} `,
  ],
  'a binary body': (leak) => [`${OK}content-type: audio/mpeg\r\n${sized(`\u0001${leak}\u0002`)}`],
  'the data of an event': (leak) => [
    `${OK}${SSE_TYPE}${CHUNKED}`,
    { body: `data: {"a":"${leak}"}\n\n${DONE}` },
  ],
  'a comment of a stream': (leak) => [
    `${OK}${SSE_TYPE}${CHUNKED}`,
    { body: `: ${leak}\n\n${DONE}` },
  ],
  'the name of an event': (leak) => [
    `${OK}${SSE_TYPE}${CHUNKED}`,
    { body: `event: ${leak}\ndata: 1\n\n${DONE}` },
  ],
  'the id of an event': (leak) => [
    `${OK}${SSE_TYPE}${CHUNKED}`,
    { body: `id: ${leak}\r\ndata: 1\r\n\r\n${DONE}` },
  ],
  'the body of a redirect': (leak) => [
    `HTTP/1.1 307 Temporary Redirect\r\nlocation: /v1/x\r\n${sized(leak)}`,
  ],
}

/** Header values, where a line cannot break. */
const HEADERS: Readonly<Record<string, Place>> = {
  'a header': (leak) => [`${OK}x-debug: Bearer ${leak}\r\n${sized('{}')}`],
  'a link': (leak) => [`${OK}link: </v1/x?key=${leak}>; rel=next\r\n${sized('{}')}`],
  'a header that stands twice': (leak) => [`${OK}x-a: 1\r\nx-a: ${leak}\r\n${sized('{}')}`],
  'the request id': (leak) => [`${OK}x-request-id: ${leak}\r\n${sized('{}')}`],
  'the content type': (leak) => [`${OK}content-type: text/plain; x=${leak}\r\n${sized('{}')}`],
  'a header of a stream': (leak) => [
    `${OK}${SSE_TYPE}x-debug: ${leak}\r\n${CHUNKED}`,
    { body: DONE },
  ],
}

/** Places that do not reach the client at all. */
const DROPPED: Readonly<Record<string, Place>> = {
  'the reason phrase': (leak) => [`HTTP/1.1 200 ${leak}\r\n${sized('{}')}`],
  'a cookie': (leak) => [`${OK}set-cookie: key=${leak}; HttpOnly\r\n${sized('{}')}`],
  'the authentication asked for': (leak) => [
    `HTTP/1.1 401 No\r\nwww-authenticate: Bearer error="${leak}"\r\n${sized('{}')}`,
  ],
  'a redirect elsewhere': (leak) => [
    `HTTP/1.1 302 Found\r\nlocation: https://other.example/?key=${leak}\r\n${sized('{}')}`,
  ],
  trailers: (leak) => [
    `${OK}${JSON_TYPE}trailer: x-key\r\n${CHUNKED}2\r\n{}\r\n0\r\nx-key: ${leak}\r\n\r\n`,
  ],
  'the extension of a chunk': (leak) => [
    `${OK}${JSON_TYPE}${CHUNKED}2;key="${leak}"\r\n{}\r\n0\r\n\r\n`,
  ],
  'early hints': (leak) => [
    `HTTP/1.1 103 Early Hints\r\nlink: </${leak}>\r\n\r\n${OK}${sized('{}')}`,
  ],
  'a hundred, told to go on': (leak) => [`HTTP/1.1 100 ${leak}\r\n\r\n${OK}${sized('{}')}`],
}

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`
const piecesOf = (text: string, size: number): string[] =>
  text.match(new RegExp(`[^]{1,${size}}`, 'g')) ?? []

const CUTS: Readonly<Record<string, (pieces: readonly Piece[]) => string[]>> = {
  'in one piece': (pieces) => [
    pieces
      .map((piece) => (typeof piece === 'string' ? piece : `${chunk(piece.body)}0\r\n\r\n`))
      .join(''),
  ],
  'in pieces of three bytes': (pieces) =>
    pieces.flatMap((piece) =>
      piecesOf(typeof piece === 'string' ? piece : `${chunk(piece.body)}0\r\n\r\n`, 3),
    ),
  'in chunks of a byte': (pieces) =>
    pieces.flatMap((piece) =>
      typeof piece === 'string'
        ? [piece.slice(0, -20), piece.slice(-20, -10), piece.slice(-10)]
        : [piecesOf(piece.body, 1).map(chunk).join(''), '0\r\n\r\n'],
    ),
}

const FORMS = CREDENTIAL_FORMS.map(([name, write]) => [name, write(TEST_CREDENTIAL)] as const)
const INLINE_FORMS = FORMS.filter(([, leak]) => !/[\r\n\0]/.test(leak))

interface Script {
  readonly how: string
  readonly pieces: readonly string[]
}

const scriptsOf = (place: Place, forms: typeof FORMS): Script[] =>
  forms.flatMap(([form, leak]) =>
    Object.entries(CUTS).map(([cut, cutUp]) => ({
      how: `${form}, ${cut}`,
      pieces: cutUp(place(leak)),
    })),
  )

/** Answers with the script whose number the request's body names. */
const play =
  (scripts: readonly Script[]): ScriptedHandler =>
  async (socket, request) => {
    const index = Number(/"script":(\d+)/.exec(request)?.[1])
    await writeApart(socket, scripts[index]?.pieces ?? [])
    socket.end()
  }

interface Reading {
  readonly how: string
  readonly answer: WireAnswer
}

async function readAll(scripts: readonly Script[], port: number): Promise<Reading[]> {
  const readings: Reading[] = []
  for (const [index, { how }] of scripts.entries()) {
    readings.push({ how, answer: await sendOverWire({ port, body: `{"script":${index}}` }) })
  }
  return readings
}

/** What is wrong with an answer that may not hold the credential, but has to be whole; undefined when nothing is. */
function problemOf({ wire, body, status, isWhole }: WireAnswer): string | undefined {
  const leak = findCredential(wire, TEST_CREDENTIAL) ?? findCredential(body, TEST_CREDENTIAL)
  if (leak !== undefined) return `leaks ${leak}`
  if (Number.isNaN(status)) return `is no answer: ${wire.slice(0, 100)}`
  return isWhole ? undefined : `is cut: ${wire}`
}

function problemsOf(readings: readonly Reading[]): string[] {
  return readings.flatMap(({ how, answer }) => {
    const problem = problemOf(answer)
    return problem === undefined ? [] : [`${how} ${problem}`]
  })
}

async function leakAll(place: Place, forms: typeof FORMS) {
  const scripts = scriptsOf(place, forms)
  const upstream = await startScriptedUpstream(play(scripts))
  const gateway = await startGateway({ upstream, env: { ADMIN_TOKEN: 'ks-test-admin' } })
  const readings = await readAll(scripts, gateway.port)
  await gateway.waitForLine(() => gateway.requestLines().length === scripts.length)
  expect(findCredential(gateway.log(), TEST_CREDENTIAL)).toBeUndefined()
  return { readings, gateway }
}

describe.each(Object.entries({ ...PASSING, ...HEADERS }))(
  'the credential in %s',
  (place, answerWith) => {
    it('is replaced in every form, however it is cut, and the alarm raised', async () => {
      const forms = place in HEADERS ? INLINE_FORMS : FORMS
      const { readings, gateway } = await leakAll(answerWith, forms)
      expect(problemsOf(readings)).toEqual([])
      const untouched = readings.filter(({ answer }) => !answer.wire.includes('[redacted]'))
      expect(untouched.map(({ how }) => how)).toEqual([])
      const alarms = gateway.log().match(/"alarm":"credential_in_answer"[^}]*/g) ?? []
      expect(alarms).toHaveLength(readings.length)
      expect(alarms[0]).toMatch(/"path":"\/v1\/chat\/completions","count":1/)
      const { values } = await gateway.metrics.redactions.get()
      expect(values[0]?.value).toBe(readings.length)
    })
  },
)

describe.each(Object.entries(DROPPED))('the credential in %s', (_place, answerWith) => {
  it('does not pass in any form, however it is cut', async () => {
    const { readings } = await leakAll(answerWith, INLINE_FORMS)
    expect(problemsOf(readings)).toEqual([])
  })
})

describe('a header whose name is the credential', () => {
  it('is dropped, whatever becomes of the case of its letters', async () => {
    const credential = 'hk-test-UPPER-and-lower-0123456789'
    const names = [credential, credential.slice(3), credential.slice(3).toLowerCase()]
    for (const name of names) {
      const upstream = await startScriptedUpstream((socket) =>
        socket.end(`${OK}x-${name}: 1\r\nx-other: 1\r\n${sized('{}')}`),
      )
      const gateway = await startGateway({ upstream, env: { UPSTREAM_API_KEY: credential } })
      const { head } = await sendOverWire({ port: gateway.port })
      expect(head).toContain('x-other: 1')
      expect(head.toLowerCase()).not.toContain('upper-and-lower')
      expect(gateway.log()).toContain('"alarm":"credential_in_answer"')
    }
  })
})

describe.skipIf(openssl === undefined)('an upstream that is reached over TLS', () => {
  it('gets the credential through in no form, in records of three bytes', async () => {
    const certificate = createCertificate('IP:127.0.0.1')
    const place = PASSING['the data of an event']
    const scripts = place === undefined ? [] : scriptsOf(place, FORMS)
    const upstream = await startScriptedUpstream(play(scripts), certificate)
    const keystow = startProcess({
      env: {
        PORT: '0',
        UPSTREAM_URL: upstream,
        UPSTREAM_API_KEY: TEST_CREDENTIAL,
        CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
        RATE_LIMIT_PER_MINUTE: '0',
        NODE_EXTRA_CA_CERTS: certificate.certFile,
      },
    })
    const readings = await readAll(scripts, await listeningPort(keystow))
    expect(problemsOf(readings)).toEqual([])
    expect(readings.filter(({ answer }) => answer.body.includes('[redacted]'))).toHaveLength(
      scripts.length,
    )
    expect(findCredential(keystow.stdout(), TEST_CREDENTIAL)).toBeUndefined()
  })
})
