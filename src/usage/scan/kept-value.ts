import { NO_BYTES, type ScanState } from './scan-state.ts'

/** Longer values are not told. */
const MAX_VALUE_BYTES = 8 * 1024

export function startValue(scan: ScanState, at: number): void {
  scan.kept = NO_BYTES
  scan.keptDepth = scan.depth
  scan.keptFrom = at
}

/** Keeps the bytes of a value that goes on. */
export function keepValue(scan: ScanState, bytes: Buffer): void {
  const { kept } = scan
  if (kept === undefined) return
  const isShort = kept.length + bytes.length <= MAX_VALUE_BYTES
  // Into its own memory: the chunk is a view of the socket's read buffer, which would be kept alive whole.
  scan.kept = isShort ? Buffer.concat([kept, bytes]) : undefined
}

/** Tells the value that ends here, if it is one that is wanted. */
export function endValue(scan: ScanState, chunk: Buffer, end: number): void {
  if (scan.kept === undefined || scan.depth !== scan.keptDepth) return
  const from = scan.keptFrom
  // Nearly every value lies in one chunk, and needs no copy.
  const isHere = scan.kept.length === 0 && end - from <= MAX_VALUE_BYTES
  if (!isHere) keepValue(scan, chunk.subarray(from, end))
  const json = isHere ? chunk.toString('utf8', from, end) : scan.kept?.toString('utf8')
  scan.kept = undefined
  if (json === undefined) return
  scan.hasTold = true
  scan.reader.onValue(scan.name, json, scan.reader)
}
