import { once } from 'node:events'
import type { ServerResponse } from 'node:http'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { constants, createGzip } from 'node:zlib'

import type { BillEntry } from './bill.ts'
import type { Exchange } from './exchange.ts'
import type { Step } from './steps.ts'

interface SendOptions {
  readonly gzip: boolean
  /** Sent after the body when present. */
  readonly trailers?: Readonly<Record<string, string>>
  /** Grows with what is written. */
  readonly entry?: BillEntry
}

/** Where the bytes go: the response, or a compressor before it. */
interface Sink {
  write(chunk: string | Buffer): Promise<void>
  end(): Promise<void>
}

const SLICE_BYTES = 64 * 1024

/** Carries steps out one after the other; returns when the answer has ended, throws when the client has gone. */
export async function send(
  exchange: Exchange,
  steps: Iterable<Step>,
  options: SendOptions,
): Promise<void> {
  const { response, gone, reset } = exchange
  const sink = options.gzip ? createGzipSink(response, gone) : createPlainSink(response, gone)
  for (const step of steps) {
    gone.throwIfAborted()
    switch (step.kind) {
      case 'write':
        if (options.entry !== undefined) options.entry.outputTokens += step.outputTokens
        await sink.write(step.chunk)
        break
      case 'pause':
        await pause(step.ms, gone)
        break
      case 'hang':
        await once(gone, 'abort')
        return
      case 'reset':
        reset()
        return
      case 'close':
        // FIN without the last chunk: what was written arrives, and then nothing more.
        response.socket?.end(() => response.socket?.destroy())
        return
      case 'end':
        if (options.trailers !== undefined) response.addTrailers(options.trailers)
        // Before the bytes that let the client look at the bill.
        if (options.entry !== undefined) options.entry.outcome = 'finished'
        await sink.end()
        return
    }
  }
}

/** Waits; even no time at all is a turn of the loop, so that a stream leaves event by event. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  if (ms > 0) await sleep(ms, undefined, { signal })
  else await nextTurn(undefined, { signal })
}

function createPlainSink(response: ServerResponse, gone: AbortSignal): Sink {
  return {
    async write(chunk) {
      // In slices, because only what is not yet handed to the socket can be held back.
      for (const slice of sliceChunk(chunk)) {
        gone.throwIfAborted()
        if (!response.write(slice)) await once(response, 'drain', { signal: gone })
      }
    },
    async end() {
      response.end()
    },
  }
}

function createGzipSink(response: ServerResponse, gone: AbortSignal): Sink {
  const gzip = createGzip()
  let full = false
  gzip.on('data', (chunk: Buffer) => {
    if (!gone.aborted) full = !response.write(chunk)
  })
  const aborted = once(gone, 'abort').then(() => gzip.destroy())
  const drained = async (): Promise<void> => {
    if (full) await once(response, 'drain', { signal: gone })
    full = false
  }
  return {
    async write(chunk) {
      gone.throwIfAborted()
      gzip.write(chunk)
      // Otherwise the compressor would keep small events back.
      const flushed = Promise.withResolvers<void>()
      gzip.flush(constants.Z_SYNC_FLUSH, flushed.resolve)
      await Promise.race([flushed.promise, aborted])
      await drained()
    },
    async end() {
      gzip.end()
      await once(gzip, 'end', { signal: gone })
      response.end()
    },
  }
}

function* sliceChunk(chunk: string | Buffer): Generator<string | Buffer> {
  if (chunk.length <= SLICE_BYTES) {
    yield chunk
    return
  }
  const bytes = Buffer.from(chunk)
  for (let start = 0; start < bytes.length; start += SLICE_BYTES) {
    yield bytes.subarray(start, start + SLICE_BYTES)
  }
}
