import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'

/** A segment that is this long is followed by a new one. */
const SEGMENT_BYTES = 8 * 1024 * 1024

const SEGMENT_NAME = /^journal-(\d{8})\.jsonl$/

/** A place in the journal: everything before it has been written. */
export interface Position {
  readonly segment: number
  readonly offset: number
}

/** Where the journal's text goes. */
export interface JournalSink {
  /** Writes all of it or throws. */
  write(text: string): void
  position(): Position
  /** Removes what stands before this segment, away from the event loop: files of this length take milliseconds. */
  removeBefore(segment: number): Promise<void>
  close(): void
}

export const segmentFile = (folder: string, segment: number): string =>
  join(folder, `journal-${String(segment).padStart(8, '0')}.jsonl`)

/** The numbers of a folder's segments, oldest first. */
export function listSegments(folder: string): number[] {
  return readdirSync(folder)
    .map((name) => SEGMENT_NAME.exec(name)?.[1])
    .filter((digits) => digits !== undefined)
    .map(Number)
    .toSorted((a, b) => a - b)
}

/**
 * Appends to files in a folder, beginning with a new one. What `write` has written survives the process: the
 * system holds it. It is not forced to the disk, so that a power cut can take the last half minute.
 */
export function createSegmentSink(folder: string, segmentBytes = SEGMENT_BYTES): JournalSink {
  let segment = (listSegments(folder).at(-1) ?? 0) + 1
  let file: number | undefined
  let offset = 0
  let isTorn = false
  let removedBefore = 0

  /** A full disk may have taken a part of the last line: it is closed, and readers leave it out. */
  function write(text: string): void {
    file ??= openSync(segmentFile(folder, segment), 'a', 0o600)
    const bytes = Buffer.from(isTorn ? `\n${text}` : text)
    isTorn = true
    for (let written = 0; written < bytes.length;) {
      const count = writeSync(file, bytes, written)
      written += count
      offset += count
    }
    isTorn = false
  }

  function beginNext(): void {
    if (file !== undefined) closeSync(file)
    file = undefined
    segment++
    offset = 0
  }

  return {
    write(text) {
      if (offset >= segmentBytes) beginNext()
      write(text)
    },
    position: () => ({ segment, offset }),
    async removeBefore(before) {
      if (before <= removedBefore) return
      removedBefore = before
      const old = listSegments(folder).filter((found) => found < before)
      await Promise.all(old.map((found) => rm(segmentFile(folder, found), { force: true })))
    },
    close() {
      if (file !== undefined) closeSync(file)
      file = undefined
    },
  }
}
