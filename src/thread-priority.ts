import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/** A tenth of what the others get, while they want more than there is. */
const NICENESS = 10

const THREADS = '/proc/self/task'
/** As Node names V8's threads, which compile and collect garbage. */
const HELPER = 'V8Worker'

/**
 * Where threads share a core, whoever works at something long has it for up to 20 ms at a time, and no event of any
 * stream passes meanwhile. To be called by the main thread.
 */
export function lowerHelpers(): void {
  try {
    for (const thread of readdirSync(THREADS)) {
      const name = readFileSync(`${THREADS}/${thread}/comm`, 'utf8').trim()
      if (name === HELPER) setPriority(Number(thread), NICENESS)
    }
  } catch {
    // Another system, or one that forbids it: there is more of a pause at times.
  }
}

/** The same for the thread that calls it. Only Linux takes it for a thread, and not for the process. */
export function lowerThisThread(): void {
  try {
    if (existsSync(THREADS)) setPriority(NICENESS)
  } catch {
    // As above.
  }
}
