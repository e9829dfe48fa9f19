import { setFlagsFromString } from 'node:v8'

/**
 * With the flag in the command, or from the beginning, V8 takes nothing of what Node has compiled of itself: a start,
 * and that of the first thread, would take nearly a tenth of a second more. By now both are over.
 */
const AFTER_START_MS = 1000

/**
 * Everything new is put where it is collected soon. V8 otherwise decides, for each place in the code, that what is made
 * there will live for long, once that was so in a moment in which much began (a start, two hundred streams); from then
 * on an object of every request lies among the old ones, and until these are collected, seconds later, it keeps alive
 * what the request was made of, and has it copied twice. To be called when the process serves, for all of its threads.
 */
export function stopPretenuring(): void {
  setTimeout(() => setFlagsFromString('--no-allocation-site-pretenuring'), AFTER_START_MS).unref()
}
