import { isUtf8 } from 'node:buffer'

import { isPlainCharset, type MediaType, parseMediaType, parseParameters } from './parameters.ts'

/** Fields that say what a request costs, or whether it may be made. */
const POLICY_FIELDS: ReadonlySet<string> = new Set(['model', 'n', 'size', 'quality', 'stream'])

/** Headers of a part that writers of forms send (RFC 7578 section 4.8, and `content-length`). */
const PART_HEADERS: ReadonlySet<string> = new Set([
  'content-disposition',
  'content-id',
  'content-length',
  'content-transfer-encoding',
  'content-type',
])

const CRLF = '\r\n'
const HEAD_END = '\r\n\r\n'

/** What a name of the API is made of: no program trims it, cuts it off or decodes it. */
const FIELD_NAME = /^[\w.[\]-]{1,100}$/

/** No form has more; each costs time, and all are read at once. */
const MAX_PARTS = 1000

interface Part {
  readonly name: string
  readonly isFile: boolean
  readonly type: MediaType | undefined
  readonly content: Buffer
}

/**
 * The fields of a multipart/form-data body (RFC 7578) that policy reads, or undefined when there is a program that
 * would read them otherwise: such a body must not pass a check of its model. Stricter than any reader of forms, and
 * no stricter than their writers: the delimiter stands nowhere but where it delimits, and a field is named once.
 */
export function readFormFields(
  body: Buffer,
  { essence, boundary, charset }: MediaType,
): ReadonlyMap<string, string> | undefined {
  if (essence !== 'multipart/form-data' || boundary === undefined) return undefined
  const delimiter = Buffer.from(`--${boundary}`)
  if (!isPlainCharset(charset) || body.indexOf(delimiter) !== 0) return undefined
  const fields = new Map<string, string>()
  let at = delimiter.length
  for (let parts = 0; isAt(body, CRLF, at); parts++) {
    if (parts === MAX_PARTS) return undefined
    const end = body.indexOf(delimiter, at)
    if (end === -1 || !isAt(body, CRLF, end - CRLF.length)) return undefined
    const part = readPart(body.subarray(at + CRLF.length, end - CRLF.length))
    if (part === undefined || !takePart(part, fields)) return undefined
    at = end + delimiter.length
  }
  return /^--(?:\r\n)*$/.test(body.toString('latin1', at)) ? fields : undefined
}

const isAt = (body: Buffer, text: string, at: number): boolean =>
  body.toString('latin1', at, at + text.length) === text

/** Puts a part among the fields if it is one of policy's; returns whether it is beyond doubt. */
function takePart({ name, isFile, type, content }: Part, fields: Map<string, string>): boolean {
  // PHP cuts a name at a bracket, others at a dot or regardless of case; `_charset_` says how values are written.
  const folded = name.toLowerCase().split(/[.[]/, 1)[0] ?? ''
  if (folded === '_charset_') return false
  if (!POLICY_FIELDS.has(folded)) return true
  const isText = type === undefined || type.essence === 'text/plain'
  const isPlain = isText && isPlainCharset(type?.charset) && isUtf8(content)
  if (name !== folded || fields.has(name) || isFile || !isPlain) return false
  fields.set(name, content.toString())
  return true
}

function readPart(part: Buffer): Part | undefined {
  const headEnd = part.indexOf(HEAD_END)
  if (headEnd === -1) return undefined
  const content = part.subarray(headEnd + HEAD_END.length)
  const headers = readHead(part.toString('latin1', 0, headEnd))
  if (headers === undefined || !isAsItIs(headers, content)) return undefined
  const name = readDisposition(headers.get('content-disposition'))
  const written = headers.get('content-type')
  const type = written === undefined ? undefined : parseMediaType(written)
  const isTyped = written === undefined || (type !== undefined && !isNested(type))
  if (name === undefined || !isTyped) return undefined
  return { ...name, type, content }
}

/** Of old, several files stood in a part that was a multipart body itself. */
const isNested = ({ essence }: MediaType): boolean => /^(?:multipart|message)\//.test(essence)

/** Whether what a part holds is what it stands for, byte for byte. */
function isAsItIs(headers: ReadonlyMap<string, string>, content: Buffer): boolean {
  const encoding = headers.get('content-transfer-encoding') ?? 'binary'
  const length = headers.get('content-length') ?? String(content.length)
  return /^(?:binary|8bit|7bit)$/i.test(encoding) && length === String(content.length)
}

/** Each header once, on a line of its own. */
function readHead(head: string): ReadonlyMap<string, string> | undefined {
  const headers = new Map<string, string>()
  for (const line of head.split(CRLF)) {
    const [all, name = '', value = ''] =
      /^([\w-]+):[ \t]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line) ?? []
    const key = name.toLowerCase()
    if (all === undefined || !PART_HEADERS.has(key) || headers.has(key)) return undefined
    headers.set(key, value.trim())
  }
  return headers
}

function readDisposition(value = ''): Pick<Part, 'name' | 'isFile'> | undefined {
  const parameters = /^form-data(?=[ \t;])/i.test(value)
    ? parseParameters(value.slice('form-data'.length))
    : undefined
  const name = parameters?.get('name')
  if (parameters === undefined || name === undefined || !FIELD_NAME.test(name)) return undefined
  const isKnown = [...parameters.keys()].every((key) => /^(?:name|filename\*?)$/.test(key))
  const isFile = parameters.has('filename') || parameters.has('filename*')
  return isKnown ? { name, isFile } : undefined
}
