export const MALFORMED = 'The request body is not valid JSON. Check it and send it again.'
/** An object is what endpoints with a model take; elsewhere a list may be. */
export const ARRAY = 'The request body is a JSON array. Send an object, such as {"model": "…"}.'
export const TRUNCATED = 'The request body ends before its JSON does. Send all of it.'
export const NOT_AN_OBJECT =
  'The request body is not a JSON object. Send one, such as {"model": "…"}.'
const BYTE_ORDER_MARK =
  'The request body begins with a byte-order mark, which is not JSON. Send UTF-8 without one.'
const COMPRESSED = 'The request body is compressed, which is not read here. Send it as it is.'

/** What no JSON begins with, and what a body that does is: the marks of UTF-8 and of UTF-16 either way, and gzip's. */
const STRANGE_STARTS: ReadonlyMap<number, string> = new Map([
  [0xef, BYTE_ORDER_MARK],
  [0xfe, BYTE_ORDER_MARK],
  [0xff, BYTE_ORDER_MARK],
  [0x1f, COMPRESSED],
])

/** Why a body that begins with this byte, and so with no JSON, must be refused. */
export const refuseStart = (byte: number): string => STRANGE_STARTS.get(byte) ?? NOT_AN_OBJECT
