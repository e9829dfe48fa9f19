import { overloaded } from '../limits/overloaded.ts'

/** What each body may have without being counted: an ordinary request is served however full the memory is. */
const FREE_BYTES = 64 * 1024

/** What one body takes of the memory for all bodies. */
export interface BodyAccount {
  /** The body has so many bytes of memory now; throws a 503 when there are not as many. */
  hold(bytes: number): void
  /** The same for what can wait, which has half of the memory: false when there is no room. */
  mayHold(bytes: number): boolean
  release(): void
}

/** The memory in which the bodies of all requests in flight are kept. */
export interface BodyMemory {
  open(): BodyAccount
}

/** With a limit of 0 there is none. */
export function createBodyMemory(limitBytes: number): BodyMemory {
  let taken = 0
  return {
    open() {
      let held = 0
      function take(bytes: number, most: number): boolean {
        const counted = Math.max(0, bytes - FREE_BYTES)
        if (limitBytes > 0 && counted > held && taken + counted - held > most) return false
        taken += counted - held
        held = counted
        return true
      }
      return {
        hold(bytes) {
          if (!take(bytes, limitBytes)) throw overloaded()
        },
        mayHold: (bytes) => take(bytes, limitBytes / 2),
        release() {
          taken -= held
          held = 0
        },
      }
    },
  }
}
