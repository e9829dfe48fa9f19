import { Duplex } from 'node:stream'

interface Member {
  readonly create: () => Duplex & { readonly bytesWritten: number }
  /** Whether another may follow one that has ended, as in gzip (RFC 1952) and zstd (RFC 8878). */
  readonly mayFollow: boolean
}

interface Pending {
  readonly chunk: Buffer
  /** What the decoder had taken before it. */
  readonly taken: number
  readonly done: (error?: Error | null) => void
}

/** Each member takes a decoder, which costs as much as kilobytes of text: so many that are so small are sent for that. */
const MANY_MEMBERS = 4096
const MIN_AVERAGE_BYTES = 64

/**
 * Decodes one member after the other to the last byte. zlib's own decoders end with the first that ends within a
 * write, as if nothing had followed; what follows is decoded too, or is an error.
 */
export function createMembers({ create, mayFollow }: Member): Duplex {
  let decoder: ReturnType<Member['create']> | undefined
  let pending: Pending | undefined
  let onFinal: ((error?: Error | null) => void) | undefined
  let isEnded = false
  let begunMembers = 0
  let received = 0

  function begin(): ReturnType<Member['create']> {
    begunMembers++
    const begun = create()
    begun.on('error', (error) => members.destroy(error))
    begun.on('data', (plain: Buffer) => {
      if (!members.push(plain)) begun.pause()
    })
    begun.on('end', () => {
      begun.destroy()
      decoder = undefined
      isEnded = true
      if (pending !== undefined) goOn(pending, begun.bytesWritten)
      else if (onFinal !== undefined) conclude(onFinal)
    })
    return begun
  }

  /** The member ended, and zlib forgets the rest of what it was given. */
  function goOn({ chunk, taken, done }: Pending, takenNow: number): void {
    pending = undefined
    const rest = chunk.subarray(takenNow - taken)
    if (rest.length === 0) done()
    else take(rest, done)
  }

  function take(chunk: Buffer, done: Pending['done']): void {
    if (isEnded && !mayFollow) {
      return done(new Error('bytes follow the end of what is compressed'))
    }
    if (begunMembers > MANY_MEMBERS && received < begunMembers * MIN_AVERAGE_BYTES) {
      return done(new Error('what is compressed comes in too many small members'))
    }
    isEnded = false
    decoder ??= begin()
    const own: Pending = { chunk, taken: decoder.bytesWritten, done }
    pending = own
    decoder.write(chunk, (error) => {
      // Otherwise it ended within this write, and has been left behind.
      if (pending !== own) return
      pending = undefined
      done(error)
    })
  }

  function conclude(done: Pending['done']): void {
    members.push(null)
    done()
  }

  const members = new Duplex({
    write(chunk: Buffer, _encoding, done) {
      received += chunk.length
      if (chunk.length === 0) done()
      else take(chunk, done)
    },
    read: () => void decoder?.resume(),
    final(done) {
      if (decoder === undefined) return conclude(done)
      onFinal = done
      decoder.end()
    },
    destroy(error, done) {
      decoder?.destroy()
      done(error)
    },
  })
  return members
}
