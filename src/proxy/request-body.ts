import type { IncomingMessage } from 'node:http'
import { type Readable, Transform } from 'node:stream'

import { KeystowError } from '../errors.ts'

/** The bytes a client declared with `content-length`; undefined when it declared none. */
export function declaredLength(request: IncomingMessage): number | undefined {
  const declared = request.headers['content-length']
  return declared === undefined ? undefined : Number(declared)
}

export function hasBody(request: IncomingMessage): boolean {
  const length = declaredLength(request)
  return request.headers['transfer-encoding'] !== undefined || (length !== undefined && length > 0)
}

/** 413, and the connection is closed: what is left of the body is not read. */
export function tooLarge(limitBytes: number): KeystowError {
  return new KeystowError('requestTooLarge', {
    message: `The request body is larger than ${limitBytes / 1024 / 1024} MiB, the most this server takes. Send a smaller one.`,
    headers: { connection: 'close' },
  })
}

const cutOff = (): KeystowError =>
  new KeystowError('badRequest', { message: 'The request body was cut off.' })

/**
 * Reads a whole body into memory, showing each piece to `onChunk` on the way; whatever that throws ends
 * the reading. Rejects with a `KeystowError` at the first byte over the limit.
 */
export function collectBody(
  request: IncomingMessage,
  limitBytes: number,
  onChunk: (chunk: Buffer) => void,
): Promise<Buffer> {
  const chunks: Buffer[] = []
  let length = 0
  return new Promise((resolve, reject) => {
    const release = (): void => {
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
    }
    const onError = (error: unknown): void => {
      release()
      reject(error)
    }
    const onData = (chunk: Buffer): void => {
      length += chunk.length
      if (length > limitBytes) return onError(tooLarge(limitBytes))
      try {
        onChunk(chunk)
      } catch (error) {
        return onError(error)
      }
      chunks.push(chunk)
    }
    const onEnd = (): void => {
      release()
      resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks, length))
    }
    const onClose = (): void => onError(cutOff())
    // The client left before its body was wanted, and its close event has passed.
    if (request.destroyed) return onClose()
    request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)
  })
}

/** Passes a body through as it comes, and fails it with a `KeystowError` at the first byte over the limit. */
export function limitBody(request: IncomingMessage, limitBytes: number): Readable {
  let length = 0
  const limited = new Transform({
    transform(chunk: Buffer, _encoding, done) {
      length += chunk.length
      if (length > limitBytes) done(tooLarge(limitBytes))
      else done(null, chunk)
    },
  })
  // Nobody else listens when the request is refused before it is sent on, and the process would end over it.
  limited.on('error', () => {})
  const onClose = (): void => {
    if (!request.readableEnded) limited.destroy(cutOff())
  }
  request.once('error', (error) => limited.destroy(error))
  request.once('close', onClose)
  if (request.destroyed) onClose()
  return request.pipe(limited)
}
