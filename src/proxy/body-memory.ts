import { overloaded } from '../limits/overloaded.ts'
import { createOwnTotal, type ProcessTotal } from '../limits/process-total.ts'

/** What each body may have without being counted: an ordinary request is served however full the memory is. */
const FREE_BYTES = 64 * 1024

/** What is counted in: of bytes, a setting may allow more than a cell that threads share can hold. */
const BYTES_PER_KIB = 1024

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
  readonly limitKib: number
  readonly total: ProcessTotal
}

interface OpenAccount extends BodyAccount {
  readonly memory: Memory
  heldKib: number
}

/** With a limit of 0 there is none. The total is that of everybody who keeps bodies. */
export function createBodyMemory(
  limitBytes: number,
  total: ProcessTotal = createOwnTotal(),
): BodyMemory {
  const memory: Memory = { limitKib: limitBytes / BYTES_PER_KIB, total }
  return {
    open() {
      const account: OpenAccount = { memory, heldKib: 0, ...METHODS }
      return account
    },
  }
}

/** The same for every body: that of a stream is kept for as long as it runs. */
const METHODS = {
  hold(this: OpenAccount, bytes: number): void {
    if (!take(this, bytes, this.memory.limitKib)) throw overloaded()
  },
  mayHold(this: OpenAccount, bytes: number): boolean {
    return take(this, bytes, this.memory.limitKib / 2)
  },
  release(this: OpenAccount): void {
    if (this.heldKib === 0) return
    this.memory.total.giveBack(this.heldKib)
    this.heldKib = 0
  },
}

function take(account: OpenAccount, bytes: number, mostKib: number): boolean {
  const { memory, heldKib } = account
  const countedKib = Math.ceil(Math.max(0, bytes - FREE_BYTES) / BYTES_PER_KIB)
  const addedKib = countedKib - heldKib
  if (addedKib > 0 && !memory.total.take(addedKib, mostKib)) return false
  if (addedKib < 0) memory.total.giveBack(-addedKib)
  account.heldKib = countedKib
  return true
}
