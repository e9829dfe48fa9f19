import type { AnsweredHead } from '../usage/meter.ts'
import type { StreamFilter } from '../usage/usage-frame.ts'

/** Listens to an exchange. */
export interface AnswerTap {
  /** The request goes out on a connection. */
  sent(): void
  /** The answer begins: returns what takes bytes out of it, if anything does. */
  begin(head: AnsweredHead): StreamFilter | undefined
  /** Asked after every event of a stream that passed whether the next one may; absent when all may. */
  readonly mayGoOn: (() => boolean) | undefined
  /** The next bytes of body that may pass, decoded. */
  write(bytes: Buffer): void
}

/** The content type of an answer, from name, value, name, value. */
export function typeOf(headers: readonly string[]): string | undefined {
  const at = headers.findIndex((name, index) => index % 2 === 0 && name === 'content-type')
  return at === -1 ? undefined : headers[at + 1]
}
