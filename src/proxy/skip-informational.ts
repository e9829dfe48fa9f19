import type { Socket } from 'node:net'

/** How a status line of 1xx begins; `#` is any digit. */
const INFORMATIONAL_START = 'HTTP/1.# 1##'
const FIRST_DIGIT_AT = 'HTTP/1.1 '.length
const SWITCHING_PROTOCOLS = ' 101'
const HEAD_END = Buffer.from('\r\n\r\n')

/** More than this before the end of a head is no head. */
const MAX_HEAD_BYTES = 16 * 1024

/** Any number of them is allowed, and no upstream that means well needs as many. */
const MAX_INFORMATIONAL = 100

const TOO_MANY = `the upstream sent more than ${MAX_INFORMATIONAL} informational answers`

const LF = 0x0a
const ONE = 0x31

/** How a request line begins; bodies and chunk sizes do not look like this. */
const REQUEST_LINE = /^[A-Z]+ \//

/** Where the answers that come over a connection begin. */
export interface HeadWatch {
  readonly statusLineLimitBytes: number
  /** The status line of an answer is due, or its rest. */
  isDue: boolean
  statusLineBytes: number
  skipped: number
  /** The beginning of what may be an informational answer. */
  pending: Buffer | undefined
}

export const createHeadWatch = (statusLineLimitBytes: number): HeadWatch => ({
  statusLineLimitBytes,
  isDue: false,
  statusLineBytes: 0,
  skipped: 0,
  pending: undefined,
})

/** Behind a request comes its answer: undici waits for it before it writes the next. */
export function noteWrite(heads: HeadWatch, written: unknown): void {
  if (typeof written !== 'string' || !REQUEST_LINE.test(written)) return
  heads.isDue = true
  heads.skipped = 0
  heads.statusLineBytes = 0
}

/**
 * Takes informational answers out of what an upstream's socket gives to undici, which ends the connection over a
 * 100 that was not asked for (7.30, `client-h1.js`). A client must be able to read any number of them (RFC 9110
 * section 15.2); a change of protocol is none of these, and was not asked for either. Measures the status line too, of
 * which undici keeps a reason however long it is. To be asked while a head is due; null where nothing is left.
 */
export function skipInformational(heads: HeadWatch, chunk: Buffer, socket: Socket): Buffer | null {
  if (heads.statusLineBytes > 0) return measure(heads, chunk, socket)
  let bytes = heads.pending === undefined ? chunk : Buffer.concat([heads.pending, chunk])
  heads.pending = undefined
  while (isInformational(bytes)) {
    const end = bytes.indexOf(HEAD_END)
    if (end === -1 && bytes.length <= MAX_HEAD_BYTES) {
      heads.pending = bytes
      return null
    }
    if (end === -1) break
    bytes = bytes.subarray(end + HEAD_END.length)
    if (++heads.skipped > MAX_INFORMATIONAL) {
      socket.destroy(new AbsurdHeadError('UPSTREAM_INFORMATIONAL', TOO_MANY))
      return null
    }
  }
  return bytes.length === 0 ? null : measure(heads, bytes, socket)
}

function measure(heads: HeadWatch, bytes: Buffer, socket: Socket): Buffer | null {
  const end = bytes.indexOf(LF)
  heads.statusLineBytes += end === -1 ? bytes.length : end
  heads.isDue = end === -1
  if (heads.statusLineBytes <= heads.statusLineLimitBytes) return bytes
  socket.destroy(new AbsurdHeadError('UPSTREAM_STATUS_LINE', 'the status line has no end'))
  return null
}

class AbsurdHeadError extends Error {
  override readonly name = 'AbsurdHeadError' as const
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.code = code
  }
}

/** Whether the bytes are an informational answer, or could become one with those that follow. */
function isInformational(bytes: Buffer): boolean {
  // Nearly every answer is none by the first digit of its status.
  const firstDigit = bytes[FIRST_DIGIT_AT]
  if (firstDigit !== undefined && firstDigit !== ONE) return false
  const start = bytes.toString('latin1', 0, INFORMATIONAL_START.length)
  if (start === '' || start.endsWith(SWITCHING_PROTOCOLS)) return false
  return Array.from(start).every((character, index) => {
    const expected = INFORMATIONAL_START[index]
    return expected === '#' ? character >= '0' && character <= '9' : character === expected
  })
}
