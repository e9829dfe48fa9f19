import type { IncomingMessage } from 'node:http'

import { KeystowError } from '../errors.ts'
import type { BodyAccount } from './body-memory.ts'
import { createBodyPace } from './body-pace.ts'
import { createByteCollector } from './byte-collector.ts'

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

export const cutOff = (): KeystowError =>
  new KeystowError('badRequest', { message: 'The request body was cut off.' })

/** Why a request cannot be read on: any error but ours is Node's for a client that left. */
export const toBodyError = (error: unknown): KeystowError =>
  error instanceof KeystowError ? error : cutOff()

/** Many pieces smaller than this on average are a body that is sent to cost time, and nobody's data. */
const MIN_AVERAGE_BYTES = 64
const MANY_PIECES = 65_536

/** Throws at the first piece that makes a body too large, or too many pieces. */
export function createBodyMeter(limitBytes: number): (piece: Buffer) => void {
  let length = 0
  let pieces = 0
  return (piece) => {
    length += piece.length
    pieces++
    if (length > limitBytes) throw tooLarge(limitBytes)
    if (pieces > MANY_PIECES && length < pieces * MIN_AVERAGE_BYTES) {
      throw new KeystowError('badRequest', {
        message: 'The request body comes in too many small chunks. Send it in larger ones.',
      })
    }
  }
}

/** A body that is read as it comes, whether or not somebody wants it yet. */
export interface BodyReading {
  /**
   * Shows every piece, those that came before at once; whatever `onPiece` throws ends the reading. Rejects with that,
   * or with what broke the body off. To be called once.
   */
  to(onPiece: (piece: Buffer) => void): Promise<void>
}

const ignore = (): void => {}

/** Begins to read a body, which is kept until it is wanted. */
export function readBody(request: IncomingMessage): BodyReading {
  const early: Buffer[] = []
  const keepPace = createBodyPace(request)
  let take = (piece: Buffer): void => void early.push(piece)
  let isEnded = false
  let isWanted = false
  let failure: { readonly error: unknown } | undefined
  let report = ignore

  function fail(error: unknown): void {
    failure ??= { error }
    leave()
    report()
  }

  /** The request lives as long as its answer; what has read it need not. */
  function leave(): void {
    request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onClose)
  }

  function onData(piece: Buffer): void {
    if (failure !== undefined) return
    keepPace(piece.length)
    try {
      take(piece)
    } catch (error) {
      fail(error)
    }
  }

  function onEnd(): void {
    isEnded = true
    leave()
    report()
    letGo()
  }

  function letGo(): void {
    if (isEnded && isWanted) take = report = ignore
  }

  function onError(error: unknown): void {
    if (!isEnded) fail(toBodyError(error))
  }

  function onClose(): void {
    if (!isEnded) fail(cutOff())
  }

  // The client left before its body was wanted, and its close event has passed.
  if (request.destroyed) onClose()
  else request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose)

  return {
    to: (onPiece) =>
      new Promise((resolve, reject) => {
        report = () => {
          if (failure !== undefined) reject(failure.error)
          else if (isEnded) resolve()
        }
        take = onPiece
        isWanted = true
        early.splice(0).forEach(onData)
        report()
        letGo()
      }),
  }
}

/** How much of a body is taken, and where it is kept. */
export interface BodyBounds {
  readonly limitBytes: number
  readonly account: BodyAccount
}

/** Keeps a whole body in memory, showing each piece to `onPiece` on the way; throws at the first byte over the limit. */
export async function collectBody(
  reading: BodyReading,
  { limitBytes, account }: BodyBounds,
  onPiece: (piece: Buffer) => void,
): Promise<Buffer> {
  const collected = createByteCollector({
    mostBytes: limitBytes,
    onGrow: (bytes) => account.hold(bytes),
  })
  const measure = createBodyMeter(limitBytes)
  await reading.to((piece) => {
    measure(piece)
    onPiece(piece)
    collected.add(piece)
  })
  return collected.take()
}

/** Reads a body that nobody wants, so that the connection can be used again; ends the connection over the limit. */
export function discardBody(request: IncomingMessage, limitBytes: number): void {
  const measure = createBodyMeter(limitBytes)
  const keepPace = createBodyPace(request)
  request.on('error', () => {})
  request.on('data', (piece: Buffer) => {
    keepPace(piece.length)
    try {
      measure(piece)
    } catch {
      request.destroy()
    }
  })
}
