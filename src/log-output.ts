import { constants, fstatSync, openSync, writeSync } from 'node:fs'

import { type DestinationStream, pino } from 'pino'

interface LogOutputOptions {
  /** An open file descriptor. */
  readonly fd: number
  /** Has a listener called when the process ends. */
  readonly onExit: (listener: () => void) => void
}

/** Where finished lines go. */
export interface LogOutput extends DestinationStream {
  /** So many lines have been lost; called when others can be written again. */
  onLost?: (count: number) => void
}

interface Output {
  readonly writer: LogOutput
  /** Writing to it waits for nobody. */
  readonly fd: number
  /** The most that is written at once, where other threads write to the same pipe; 0 is all. */
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
  /** Nobody will ever read it. */
  isClosed: boolean
}

/** More than this is lost while nobody reads. */
const MAX_WAITING_CHARS = 4 * 1024 * 1024

/** What a pipe takes whole or not at all, so that nothing stands in the middle of it (`PIPE_BUF`, pipe(7)). */
const PIPE_PIECE_BYTES = 4096

const RETRY_MS = 20
/** How often it is tried when the process ends. */
const LAST_RETRIES = 50

const LF = 0x0a
const NO_BYTES = Buffer.alloc(0)

/**
 * Where finished lines go: those of one turn of the event loop in one write, from this thread. Handing each to another
 * thread, as pino does by itself, costs several times as much as writing it. Where that could wait for a reader,
 * lines do, a few megabytes of them, and nobody else. A socket cannot be written to in this way, and has pino's.
 */
export function createLogOutput({ fd, onExit }: LogOutputOptions): LogOutput {
  const opened = openUnblocked(fd)
  if (opened === undefined) return createThreadedOutput(fd)
  const writer: LogOutput = { write: (line) => add(output, line) }
  const output: Output = {
    writer,
    ...opened,
    text: '',
    rest: NO_BYTES,
    lost: 0,
    isFailing: false,
    isCut: false,
    isWaiting: false,
    isClosed: false,
  }
  onExit(() => writeLast(output))
  return writer
}

/** The same output, to be written to without waiting; undefined where there is no such thing. */
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

function createThreadedOutput(fd: number): LogOutput {
  const stream: LogOutput & SonicBoom = pino.destination({
    fd,
    sync: false,
    maxLength: MAX_WAITING_CHARS,
  })
  let lost = 0
  stream.on('drop', () => lost++)
  stream.on('drain', () => {
    if (lost > 0) stream.onLost?.(lost)
    lost = 0
  })
  return stream
}

type SonicBoom = ReturnType<typeof pino.destination>

function add(output: Output, line: string): void {
  if (output.isClosed) return
  if (output.text.length + output.rest.length > MAX_WAITING_CHARS) {
    output.lost++
    return
  }
  output.text += line
  if (output.isWaiting) return
  output.isWaiting = true
  setImmediate(write, output)
}

function write(output: Output): void {
  output.isWaiting = false
  if (!writeAll(output)) {
    output.isWaiting = true
    setTimeout(write, RETRY_MS, output).unref()
    return
  }
  if (output.isFailing || output.lost === 0) return
  const { lost } = output
  output.lost = 0
  output.writer.onLost?.(lost)
}

/** Writes what is there to be written; false when it waits for somebody to read. */
function writeAll(output: Output): boolean {
  if (output.rest.length === 0) takeText(output)
  while (output.rest.length > 0) {
    const code = writeRest(output)
    if (code === 'EAGAIN') return false
    output.isFailing = code !== undefined
    output.isClosed = code === 'EPIPE'
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

/** A full disk may have room again. What waits for that would be lost in the end, and be a burden until then. */
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

/** When the process ends: whoever reads slowly has a second. */
function writeLast(output: Output): void {
  const never = new Int32Array(new SharedArrayBuffer(4))
  for (let i = 0; i < LAST_RETRIES && !writeAll(output); i++) {
    Atomics.wait(never, 0, 0, RETRY_MS)
  }
}
