import type { Duplex } from 'node:stream'
import {
  constants,
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createZstdDecompress,
} from 'node:zlib'

import { createMembers } from './compressed-members.ts'

/** What an upstream that compresses all the same may make of one received byte; text never shrinks so far. */
const MAX_RATIO = 200
/** Below this a high ratio harms nobody. */
const RATIO_FREE_BYTES = 4 * 1024 * 1024

/** More than two layers are nobody's mistake. */
const MAX_LAYERS = 2

/** 8 MiB, what every decoder should take (RFC 8878 section 3.1.1.1.2); zlib's own limit is 128 MiB for each answer. */
const ZSTD_WINDOW_LOG = 23

const createGzip = (): Duplex =>
  createMembers({
    create: () => createGunzip({ flush: constants.Z_SYNC_FLUSH }),
    mayFollow: true,
  })

const CREATE: Readonly<Record<string, () => Duplex>> = {
  gzip: createGzip,
  'x-gzip': createGzip,
  deflate: () =>
    createMembers({
      create: () => createInflate({ flush: constants.Z_SYNC_FLUSH }),
      mayFollow: false,
    }),
  br: () =>
    createMembers({
      create: () => createBrotliDecompress({ flush: constants.BROTLI_OPERATION_FLUSH }),
      mayFollow: false,
    }),
  zstd: () =>
    createMembers({
      create: () =>
        createZstdDecompress({
          flush: constants.ZSTD_e_flush,
          params: { [constants.ZSTD_d_windowLogMax]: ZSTD_WINDOW_LOG },
        }),
      mayFollow: true,
    }),
}

/** Takes compressed bytes and gives plain ones to its handlers. */
export interface BodyDecoder {
  /** False asks for a pause until `onDrain`. */
  write(chunk: Buffer): boolean
  end(): void
  /** Goes on after `onData` had asked for a pause. */
  resume(): void
  stop(): void
}

interface DecoderHandlers {
  /** False asks for a pause until `resume`. */
  readonly onData: (chunk: Buffer) => boolean
  readonly onDrain: () => void
  readonly onEnd: () => void
  readonly onError: (error: Error) => void
}

/** The layers of a Content-Encoding (RFC 9110 section 8.4), outermost last; undefined when one is unknown. */
export function parseContentEncoding(value: string): readonly string[] | undefined {
  const layers = value
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '' && name !== 'identity')
  return layers.length <= MAX_LAYERS && layers.every((name) => Object.hasOwn(CREATE, name))
    ? layers
    : undefined
}

/** Decodes these layers, one at least; more bytes than text could have made of what came are an error. */
export function createBodyDecoder(
  layers: readonly string[],
  handlers: DecoderHandlers,
): BodyDecoder {
  const streams = layers.toReversed().map((name) => CREATE[name]?.() ?? createGzip())
  const [first, last] = [streams[0], streams.at(-1)]
  if (first === undefined || last === undefined) throw new Error('there is nothing to decode')
  let received = 0
  let decoded = 0

  const stop = (): void => {
    for (const stream of streams) stream.destroy()
  }
  for (const [index, stream] of streams.entries()) {
    stream.on('error', handlers.onError)
    const next = streams[index + 1]
    if (next !== undefined) stream.pipe(next)
  }
  first.on('drain', () => handlers.onDrain())
  last.on('end', () => handlers.onEnd())
  last.on('data', (chunk: Buffer) => {
    decoded += chunk.length
    if (decoded > RATIO_FREE_BYTES && decoded > received * MAX_RATIO) {
      stop()
      handlers.onError(new Error(`${received} bytes were decoded to more than ${decoded}`))
    } else if (!handlers.onData(chunk)) {
      last.pause()
    }
  })

  return {
    stop,
    write(chunk) {
      received += chunk.length
      return first.write(chunk)
    },
    end() {
      // A 204, a 304 or an empty body may well say how it would have been encoded.
      if (received > 0) first.end()
      else handlers.onEnd()
    },
    resume() {
      last.resume()
    },
  }
}
