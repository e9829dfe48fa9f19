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

interface Memory {
  readonly limitBytes: number
  taken: number
}

interface OpenAccount extends BodyAccount {
  readonly memory: Memory
  held: number
}

/** With a limit of 0 there is none. */
export function createBodyMemory(limitBytes: number): BodyMemory {
  const memory: Memory = { limitBytes, taken: 0 }
  return {
    open() {
      const account: OpenAccount = { memory, held: 0, ...METHODS }
      return account
    },
  }
}

/** The same for every body: that of a stream is kept for as long as it runs. */
const METHODS = {
  hold(this: OpenAccount, bytes: number): void {
    if (!take(this, bytes, this.memory.limitBytes)) throw overloaded()
  },
  mayHold(this: OpenAccount, bytes: number): boolean {
    return take(this, bytes, this.memory.limitBytes / 2)
  },
  release(this: OpenAccount): void {
    this.memory.taken -= this.held
    this.held = 0
  },
}

function take(account: OpenAccount, bytes: number, most: number): boolean {
  const { memory, held } = account
  const counted = Math.max(0, bytes - FREE_BYTES)
  const added = counted - held
  if (memory.limitBytes > 0 && added > 0 && memory.taken + added > most) return false
  memory.taken += added
  account.held = counted
  return true
}
