import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { setPriority } from 'node:os'

/**
 * Two fifths of what others get while all want more than there is. With less, a server that is started into full load
 * is compiled for it seconds later.
 */
const NICENESS = 4

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
