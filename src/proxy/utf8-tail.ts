/**
 * How many bytes at the end of a chunk begin a UTF-8 character (RFC 3629) that the chunk does not finish:
 * 0 to 3. Bytes that are no UTF-8 at all count as finished.
 */
export function incompleteUtf8Bytes(chunk: Uint8Array): number {
  const length = chunk.length
  const last = chunk[length - 1] ?? 0
  if (last < 0x80) return 0
  for (let back = 1; back <= 3 && back <= length; back++) {
    const byte = chunk[length - back] ?? 0
    if (byte >= 0xc0) return back < characterLength(byte) ? back : 0
    if (byte < 0x80) return 0
  }
  return 0
}

function characterLength(leadByte: number): number {
  if (leadByte >= 0xf0) return leadByte < 0xf8 ? 4 : 1
  return leadByte >= 0xe0 ? 3 : 2
}
