import { overloaded } from '../limits/overloaded.ts'

/** What each body may have without being counted: an ordinary request is served however full the memory is. */
const FREE_BYTES = 64 * 1024

/** What one body takes of the memory for all bodies. */
export interface BodyAccount {
  /** The body has so many bytes of memory now; throws a 503 when there are not as many. */
  hold(bytes: number): void
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
      return {
        hold(bytes) {
          const counted = Math.max(0, bytes - FREE_BYTES)
          if (limitBytes > 0 && taken + counted - held > limitBytes) throw overloaded()
          taken += counted - held
          held = counted
        },
        release() {
          taken -= held
          held = 0
        },
      }
    },
  }
}
