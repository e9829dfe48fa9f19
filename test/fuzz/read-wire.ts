/** A request as a strict reader sees it. */
export interface WireRequest {
  readonly line: string
  /** Name and value of each header; names in lower case. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly body: string
}

/** Takes the bytes of one connection, one character each. */
export interface RequestReader {
  push(bytes: string): void
  /** Whether the bytes so far end with a request's. */
  isAtEnd(): boolean
}

interface RequestReaderHandlers {
  readonly onRequest: (request: WireRequest) => void
  /** The bytes are no request; nothing after them is read. */
  readonly onMalformed: (why: string) => void
}

const HEAD_END = '\r\n\r\n'
const REQUEST_LINE = /^(?:GET|HEAD|POST|PUT|PATCH|DELETE) \/[\x21-\x7e]* HTTP\/1\.1$/
const HEADER_LINE = /^([!#$%&'*+.^_`|~0-9a-z-]+): ?([\t\x20-\x7e\x80-\xff]*)$/i
const STATUS_LINE = /^HTTP\/1\.1 (\d{3}) [\t\x20-\x7e]*$/
const CHUNK_SIZE = /^[0-9a-f]{1,8}$/i

/** Reads requests by the letter of RFC 9112, so that whatever another upstream could read in two ways is told. */
export function createRequestReader(handlers: RequestReaderHandlers): RequestReader {
  let rest = ''
  let isBroken = false

  function readOne(): boolean {
    const headEnd = rest.indexOf(HEAD_END)
    if (headEnd === -1) return false
    const [line = '', ...lines] = rest.slice(0, headEnd).split('\r\n')
    if (!REQUEST_LINE.test(line)) return fail(`a request line: ${line}`)
    const headers: [string, string][] = []
    for (const text of lines) {
      const [, name, value] = HEADER_LINE.exec(text) ?? []
      if (name === undefined || value === undefined) return fail(`a header line: ${text}`)
      headers.push([name.toLowerCase(), value])
    }
    const body = readBody(rest, headEnd + HEAD_END.length, headers)
    if (typeof body === 'string') return fail(body)
    if (body === undefined) return false
    rest = rest.slice(body.end)
    handlers.onRequest({ line, headers, body: body.text })
    return true
  }

  function fail(why: string): false {
    isBroken = true
    handlers.onMalformed(why)
    return false
  }

  return {
    push(bytes) {
      rest += bytes
      for (;;) if (isBroken || !readOne()) return
    },
    isAtEnd: () => isBroken || rest === '',
  }
}

interface WireBody {
  readonly text: string
  /** Where it ends. */
  readonly end: number
}

/** The body at a place; undefined when it is not whole, a text when its framing is wrong. */
function readBody(
  bytes: string,
  start: number,
  headers: readonly (readonly [string, string])[],
): WireBody | string | undefined {
  const lengths = headers.filter(([name]) => name === 'content-length').map(([, value]) => value)
  const codings = headers.filter(([name]) => name === 'transfer-encoding').map(([, value]) => value)
  if (lengths.length + codings.length > 1) return 'more than one framing'
  const [length = '0'] = lengths
  if (!/^\d+$/.test(length) || !Number.isSafeInteger(Number(length))) return `a length: ${length}`
  if (codings.length === 0) {
    const end = start + Number(length)
    return bytes.length < end ? undefined : { text: bytes.slice(start, end), end }
  }
  return codings[0] === 'chunked' ? readChunks(bytes, start) : `a coding: ${codings[0]}`
}

function readChunks(bytes: string, start: number): WireBody | string | undefined {
  let text = ''
  let at = start
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return bytes.length - at > 8 ? 'a chunk size without an end' : undefined
    const digits = bytes.slice(at, lineEnd)
    if (!CHUNK_SIZE.test(digits)) return `a chunk size: ${digits}`
    const size = Number.parseInt(digits, 16)
    const dataEnd = lineEnd + 2 + size
    if (bytes.length < dataEnd + 2) return undefined
    if (bytes.slice(dataEnd, dataEnd + 2) !== '\r\n') return 'a chunk that is longer than it says'
    text += bytes.slice(lineEnd + 2, dataEnd)
    at = dataEnd + 2
    if (size === 0) return { text, end: at }
  }
}

/** An answer as a strict reader sees it. */
export interface WireAnswer {
  readonly status: number
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** What has come of it. */
  readonly body: string
  /** Whether all of it has come. */
  readonly isWhole: boolean
}

/** The answers on a connection that has ended, the last of which may be cut; a text when the bytes are none. */
export function readAnswers(wire: string): readonly WireAnswer[] | string {
  const answers: WireAnswer[] = []
  let at = 0
  while (at < wire.length) {
    const headEnd = wire.indexOf(HEAD_END, at)
    if (headEnd === -1) return answers
    const [line = '', ...lines] = wire.slice(at, headEnd).split('\r\n')
    const status = Number(STATUS_LINE.exec(line)?.[1])
    if (Number.isNaN(status)) return `a status line: ${line}`
    const headers: [string, string][] = []
    for (const text of lines) {
      const [, name, value] = HEADER_LINE.exec(text) ?? []
      if (name === undefined || value === undefined) return `a header line: ${text}`
      headers.push([name.toLowerCase(), value])
    }
    const start = headEnd + HEAD_END.length
    // The answer to a HEAD says how long it would have been.
    const hasNoBody = status < 200 || status === 204 || status === 304
    const isOfHead = start === wire.length || wire.startsWith('HTTP/1.1 ', start)
    if (hasNoBody || isOfHead) {
      answers.push({ status, headers, body: '', isWhole: hasNoBody })
      at = start
      continue
    }
    const body = readBody(wire, start, headers)
    if (typeof body === 'string') return body
    answers.push({
      status,
      headers,
      body: body?.text ?? cutBody(wire.slice(start), headers),
      isWhole: body !== undefined,
    })
    if (body === undefined) return answers
    at = body.end
  }
  return answers
}

/** What can be read of a body in chunks that was cut; of any other, all. */
function cutBody(bytes: string, headers: WireAnswer['headers']): string {
  if (!headers.some(([name]) => name === 'transfer-encoding')) return bytes
  let body = ''
  let at = 0
  for (;;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    const size = Number.parseInt(bytes.slice(at, lineEnd), 16)
    if (lineEnd === -1 || Number.isNaN(size)) return body
    body += bytes.slice(lineEnd + 2, lineEnd + 2 + size)
    at = lineEnd + 2 + size + 2
  }
}
