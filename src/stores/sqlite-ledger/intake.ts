import type { LedgerEntry } from '../../usage/ledger-entry.ts'
import type { ToWorker, WorkerSetup } from './protocol.ts'
import { parseSettled } from './records.ts'
import { createSegmentReader } from './segment-reader.ts'
import type { Position } from './segments.ts'

/** What the worker has still to enter: read from the journal's files, or sent where there are none. */
export interface Intake {
  take(message: Exclude<ToWorker, { type: 'call' }>): void
  /** The next settled entries in order; none when everything written was read. */
  read(): LedgerEntry[]
  position(): Position
}

export function createIntake({ folder, firstSegment }: WorkerSetup): Intake {
  return folder === undefined ? createTextIntake() : createFileIntake(folder, firstSegment)
}

function createFileIntake(folder: string, firstSegment: number): Intake {
  const reader = createSegmentReader(folder, firstSegment)
  let written: Position = { segment: firstSegment, offset: 0 }
  return {
    take({ position }) {
      written = position
    },
    read() {
      for (let lines = reader.read(written); lines.length > 0; lines = reader.read(written)) {
        const entries = settledEntries(lines)
        if (entries.length > 0) return entries
      }
      return []
    },
    position: () => reader.position(),
  }
}

function createTextIntake(): Intake {
  let texts: string[] = []
  let position: Position = { segment: 0, offset: 0 }
  return {
    take(message) {
      if (message.type === 'text') texts.push(message.text)
      position = message.position
    },
    read() {
      const lines = texts.flatMap((text) => text.split('\n'))
      texts = []
      return settledEntries(lines)
    },
    position: () => position,
  }
}

function settledEntries(lines: readonly string[]): LedgerEntry[] {
  return lines.map(parseSettled).filter((entry) => entry !== undefined)
}
