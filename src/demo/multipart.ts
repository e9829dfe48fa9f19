/** One field or file of a multipart/form-data body. */
export interface MultipartPart {
  readonly name: string
  /** Present for a file. */
  readonly filename?: string
  readonly contentType?: string
  readonly bytes: Buffer
}

const BOUNDARY = /;\s*boundary=(?:"([^"]+)"|([^;\s]+))/i
const LINE_BREAK = '\r\n'

/** Takes a whole multipart/form-data body apart (RFC 7578); undefined when it is not one. */
export function parseMultipart(body: Buffer, contentType: string): MultipartPart[] | undefined {
  const match = BOUNDARY.exec(contentType)
  const boundary = match?.[1] ?? match?.[2]
  if (boundary === undefined || !/^multipart\/form-data/i.test(contentType)) return undefined
  const delimiter = Buffer.from(`${LINE_BREAK}--${boundary}`)
  // The first delimiter has no line break before it when there is no preamble; this gives it one.
  const text = Buffer.concat([Buffer.from(LINE_BREAK), body])
  const parts: MultipartPart[] = []
  let start = text.indexOf(delimiter)
  while (start !== -1) {
    const contentStart = start + delimiter.length
    if (text.toString('latin1', contentStart, contentStart + 2) === '--') return parts
    const end = text.indexOf(delimiter, contentStart)
    if (end === -1) return undefined
    const part = parsePart(text.subarray(contentStart, end))
    if (part === undefined) return undefined
    parts.push(part)
    start = end
  }
  return undefined
}

/** A text field's value; undefined when the form has no such field. */
export function findField(parts: readonly MultipartPart[], name: string): string | undefined {
  return parts.find((part) => part.name === name && part.filename === undefined)?.bytes.toString()
}

export function findFile(parts: readonly MultipartPart[], name: string): MultipartPart | undefined {
  return parts.find(
    (part) => (part.name === name || part.name === `${name}[]`) && part.filename !== undefined,
  )
}

function parsePart(raw: Buffer): MultipartPart | undefined {
  const headEnd = raw.indexOf(LINE_BREAK + LINE_BREAK)
  if (headEnd === -1) return undefined
  const head = raw.toString('utf8', 0, headEnd)
  const disposition = /^content-disposition:\s*form-data(.*)$/im.exec(head)?.[1]
  const name = parameter(disposition, 'name')
  if (name === undefined) return undefined
  const filename = parameter(disposition, 'filename')
  const contentType = /^content-type:\s*(.+?)\s*$/im.exec(head)?.[1]
  return {
    name,
    ...(filename === undefined ? {} : { filename }),
    ...(contentType === undefined ? {} : { contentType }),
    bytes: raw.subarray(headEnd + 2 * LINE_BREAK.length),
  }
}

function parameter(disposition: string | undefined, name: string): string | undefined {
  const match = new RegExp(`;\\s*${name}=(?:"([^"]*)"|([^;\\s]+))`, 'i').exec(disposition ?? '')
  return match?.[1] ?? match?.[2]
}
