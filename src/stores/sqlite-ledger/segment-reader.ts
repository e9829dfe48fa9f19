import { closeSync, existsSync, openSync, readSync } from 'node:fs'

import { type Position, segmentFile } from './segments.ts'

const CHUNK_BYTES = 256 * 1024
const NEWLINE = 10

/** Reads the journal from its first segment on, whole lines at a time. */
export interface SegmentReader {
  /** The next lines that stand before this place; none when there are no more. */
  read(end: Position): string[]
  /** Everything before it has been read, but for a line that is not yet whole. */
  position(): Position
  close(): void
}

export function createSegmentReader(folder: string, firstSegment: number): SegmentReader {
  let segment = firstSegment
  let offset = 0
  let file: number | undefined
  let rest = Buffer.alloc(0)
  const chunk = Buffer.alloc(CHUNK_BYTES)

  function readChunk(limit: number): number {
    if (file === undefined && existsSync(segmentFile(folder, segment))) {
      file = openSync(segmentFile(folder, segment), 'r')
    }
    if (file === undefined) return 0
    return readSync(file, chunk, 0, Math.min(CHUNK_BYTES, limit - offset), offset)
  }

  function close(): void {
    if (file !== undefined) closeSync(file)
    file = undefined
  }

  function beginNext(): void {
    close()
    // What is left of a line is torn: it will not be continued in another file.
    rest = Buffer.alloc(0)
    segment++
    offset = 0
  }

  function takeLines(count: number): string[] {
    offset += count
    const bytes = Buffer.concat([rest, chunk.subarray(0, count)])
    const end = bytes.lastIndexOf(NEWLINE) + 1
    rest = bytes.subarray(end)
    return bytes
      .subarray(0, end)
      .toString()
      .split('\n')
      .filter((line) => line !== '')
  }

  return {
    read(end) {
      while (segment <= end.segment) {
        const isLast = segment === end.segment
        const count = readChunk(isLast ? end.offset : Infinity)
        if (count > 0) {
          const lines = takeLines(count)
          if (lines.length > 0) return lines
        } else if (isLast) break
        else beginNext()
      }
      return []
    },
    position: () => ({ segment, offset }),
    close,
  }
}
