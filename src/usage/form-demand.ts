import { type Demand, type DemandMeter, NO_DEMAND, readImages } from './demand.ts'
import type { Endpoint } from './endpoint.ts'
import { createTextCount } from './scan/text-count.ts'

interface Part {
  readonly name: string
  readonly isFile: boolean
}

const CRLF = '\r\n'
const HEAD_END = '\r\n\r\n'
const MAX_HEAD_BYTES = 8 * 1024
/** Longer fields are none that anyone reads but the prompt, which is counted as it passes. */
const MAX_FIELD_BYTES = 256
const READ_FIELDS: ReadonlySet<string> = new Set(['model', 'n', 'size', 'quality'])

const NO_BYTES = Buffer.alloc(0)

/** Measures a multipart body (RFC 7578). A form that is not formed well is measured as far as it is. */
export function createFormDemandMeter(
  endpoint: Endpoint,
  boundary: string | undefined,
): DemandMeter {
  const delimiter = boundary === undefined ? undefined : Buffer.from(`${CRLF}--${boundary}`)
  const prompt = createTextCount()
  const fields = new Map<string, string>()
  let uploadBytes = 0
  let part: Part | undefined
  let isInHead = false
  let isOver = delimiter === undefined
  // The first delimiter stands at the beginning, without a line end before it.
  let held: Buffer = Buffer.from(CRLF)

  const isText = (name: string): boolean =>
    endpoint === 'other' ? !READ_FIELDS.has(name) : name === 'prompt'

  function takeContent(bytes: Buffer): void {
    if (part === undefined) return
    if (part.isFile) uploadBytes += bytes.length
    else if (isText(part.name)) prompt.readPlain(bytes)
    else if (READ_FIELDS.has(part.name)) {
      // Byte by byte: a piece may end within a character.
      const value = (fields.get(part.name) ?? '') + bytes.toString('latin1')
      fields.set(part.name, value.slice(0, MAX_FIELD_BYTES))
    }
  }

  /** Reads the head of a part; returns the index behind it, or -1 when its end has not come. */
  function readHead(bytes: Buffer, from: number): number {
    const end = bytes.indexOf(HEAD_END, from)
    isOver =
      bytes.toString('latin1', from, from + 2) === '--' ||
      (end === -1 && bytes.length - from > MAX_HEAD_BYTES)
    if (isOver || end === -1) return -1
    part = parseHead(bytes.toString('latin1', from, end))
    isInHead = false
    return end + HEAD_END.length
  }

  /** Reads what a part holds; returns the index behind the delimiter that ends it, or -1. */
  function readContent(bytes: Buffer, from: number, delimiter: Buffer): number {
    const end = bytes.indexOf(delimiter, from)
    const known = end === -1 ? Math.max(from, bytes.length - delimiter.length + 1) : end
    takeContent(bytes.subarray(from, known))
    if (end === -1) {
      held = Buffer.from(bytes.subarray(known))
      return -1
    }
    part = undefined
    isInHead = true
    return end + delimiter.length
  }

  function write(chunk: Buffer): void {
    if (delimiter === undefined || isOver) return
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk])
    held = NO_BYTES
    let at = 0
    while (at < bytes.length) {
      const next = isInHead ? readHead(bytes, at) : readContent(bytes, at, delimiter)
      if (next === -1) {
        if (isInHead && !isOver) held = Buffer.from(bytes.subarray(at))
        return
      }
      at = next
    }
  }

  function read(): Demand {
    const n = Number(fields.get('n') ?? 1)
    const field = (name: string): unknown => (name === 'n' ? n : fields.get(name))
    const model = fields.get('model')
    return {
      ...NO_DEMAND,
      inputTokens: prompt.tokens(),
      ...(endpoint === 'images' && readImages(field)),
      uploadBytes,
      formModel: model && Buffer.from(model, 'latin1').toString('utf8'),
    }
  }

  return { write, read }
}

function parseHead(head: string): Part {
  const disposition = head.split(CRLF).find((line) => /^content-disposition\s*:/i.test(line)) ?? ''
  const name = /[;\s]name="([^"]*)"/i.exec(disposition) ?? /[;\s]name=([^\s;"]+)/i.exec(disposition)
  return { name: name?.[1] ?? '', isFile: /[;\s]filename\*?=/i.test(disposition) }
}
