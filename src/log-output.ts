import { constants, fstatSync, openSync, writeSync } from 'node:fs'

import type { DestinationStream } from 'pino'

/** Where finished lines go. */
export interface LogOutput extends DestinationStream {
  /** Writes what waits, as far as that waits for nobody; pino asks for it behind a fatal line. */
  flushSync?: () => void
  /** Set by the logger: so many lines have been lost. Called when others can be written again. */
  onLost?: (count: number) => void
}

interface LogOutputOptions {
  /** An open file descriptor. */
  readonly fd: number
  /** Has a listener called when the process ends. */
  readonly onExit: (listener: () => void) => void
}

interface Output {
  readonly writer: LogOutput
  readonly fd: number
  /** How many bytes of whole lines are written at once; 0 is all. */
  readonly pieceBytes: number
  /** Lines of this turn, or of as long as nobody reads. */
  text: string
  /** What is left of those that were taken from there. */
  rest: Buffer
  lost: number
  /** What was written last could not be. */
  isFailing: boolean
  /** The last line that went out is not whole. */
  isCut: boolean
  /** Something is to be written, in this turn or in a while. */
  isWaiting: boolean
}

/** More than this is lost while nobody reads: characters, or bytes where those are what is counted. */
export const MAX_WAITING = 4 * 1024 * 1024

/** What a pipe takes whole or not at all (`PIPE_BUF`, pipe(7)): nothing of another thread's stands in the middle of it. */
const PIPE_PIECE_BYTES = 4096

const RETRY_MS = 20

/** When the process ends: how often nothing may be taken, a millisecond apart, and how many times it is tried at all. */
const LAST_PAUSES = 1000
const LAST_TRIES = 5000

const LF = 0x0a
const NO_BYTES = Buffer.alloc(0)

/**
 * Lines of one turn of the event loop go out in one write, from this thread. Handing them to another thread, as pino does
 * by itself, costs several times as much as writing them. Where that could wait for a reader, lines do, a few megabytes
 * of them, and nobody else. Undefined where an output cannot be written to without waiting, as a socket.
 */
export function createLogOutput({ fd, onExit }: LogOutputOptions): LogOutput | undefined {
  const opened = openUnblocked(fd)
  if (opened === undefined) return undefined
  const writer: LogOutput = {
    write: (line) => add(output, line),
    flushSync: () => void writeAll(output),
  }
  const output: Output = {
    writer,
    ...opened,
    text: '',
    rest: NO_BYTES,
    lost: 0,
    isFailing: false,
    isCut: false,
    isWaiting: false,
  }
  onExit(() => writeLast(output))
  return writer
}

/** The same output, to be written to without waiting. */
function openUnblocked(fd: number): Pick<Output, 'fd' | 'pieceBytes'> | undefined {
  try {
    // On the other side of a file is nobody who could be slow.
    if (fstatSync(fd).isFile()) return { fd, pieceBytes: 0 }
    // Opened anew: as a property of the one that we were given it would be its other writers' too.
    const flags = constants.O_WRONLY | constants.O_NONBLOCK | constants.O_NOCTTY
    return { fd: openSync(`/proc/self/fd/${fd}`, flags), pieceBytes: PIPE_PIECE_BYTES }
  } catch {
    return undefined
  }
}

function add(output: Output, line: string): void {
  if (output.text.length + output.rest.length > MAX_WAITING) {
    output.lost++
    return
  }
  // Where they are missing.
  tellLost(output)
  output.text += line
  if (output.isWaiting) return
  output.isWaiting = true
  setImmediate(write, output)
}

function tellLost(output: Output): void {
  const { lost, isFailing, writer } = output
  if (lost === 0 || isFailing) return
  output.lost = 0
  writer.onLost?.(lost)
}

function write(output: Output): void {
  output.isWaiting = false
  if (writeAll(output)) return tellLost(output)
  output.isWaiting = true
  setTimeout(write, RETRY_MS, output).unref()
}

/** Writes what is there to be written; false when it waits for somebody to read. */
function writeAll(output: Output): boolean {
  if (output.rest.length === 0) takeText(output)
  while (output.rest.length > 0) {
    const code = writeRest(output)
    if (code === 'EAGAIN') return false
    output.isFailing = code !== undefined
    if (output.isFailing) drop(output)
    else takeText(output)
  }
  return true
}

function takeText(output: Output): void {
  if (output.text === '') return
  output.rest = Buffer.from(output.isCut ? `\n${output.text}` : output.text)
  output.text = ''
}

/** Returns the code of why not all of it was written. */
function writeRest(output: Output): string | undefined {
  const { fd, pieceBytes } = output
  try {
    while (output.rest.length > 0) {
      const { rest } = output
      const written = writeSync(fd, rest, 0, pieceBytes === 0 ? rest.length : pieceEnd(rest))
      if (written === 0) return 'EAGAIN'
      output.isCut = rest[written - 1] !== LF
      output.rest = rest.subarray(written)
    }
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'UNKNOWN'
  }
}

/** Behind the last line that is whole in a piece, or behind the first where that is longer. */
function pieceEnd(bytes: Buffer): number {
  if (bytes.length <= PIPE_PIECE_BYTES) return bytes.length
  const last = bytes.lastIndexOf(LF, PIPE_PIECE_BYTES - 1)
  const end = last === -1 ? bytes.indexOf(LF, PIPE_PIECE_BYTES) : last
  return end === -1 ? bytes.length : end + 1
}

/** A disk may have room again, and a pipe a reader. What waited for that would be a burden until then. */
function drop(output: Output): void {
  output.lost += countLines(output.rest) + countLines(Buffer.from(output.text))
  output.text = ''
  output.rest = NO_BYTES
}

/** A line end at the beginning is one that another line lacked. */
function countLines(bytes: Buffer): number {
  let count = 0
  for (let at = bytes.indexOf(LF, 1); at !== -1; at = bytes.indexOf(LF, at + 1)) count++
  return count
}

/** When the process ends: a reader has a second, and another as often as something was read. */
function writeLast(output: Output): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  let pauses = 0
  for (let i = 0; i < LAST_TRIES && pauses < LAST_PAUSES; i++) {
    const left = output.rest.length
    if (writeAll(output)) return
    pauses = output.rest.length === left ? pauses + 1 : 0
    Atomics.wait(never, 0, 0, 1)
  }
}
