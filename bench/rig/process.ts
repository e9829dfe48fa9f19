import { readdirSync, readFileSync } from 'node:fs'

const NS_PER_US = 1000

/** A process and its descendants. */
export function processTree(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    const stat = readProc(`${name}/stat`)
    // Behind the name in parentheses: state, parent.
    const parent = stat?.slice(stat.lastIndexOf(')') + 2).split(' ')[1]
    if (parent !== undefined) parents.set(Number(name), Number(parent))
  }
  const tree = [pid]
  for (const known of tree) {
    for (const [child, parent] of parents) if (parent === known) tree.push(child)
  }
  return tree
}

/** Memory of processes in kB: their own pages, and of shared ones their part. */
export function memoryKb(pids: readonly number[]): number {
  let sum = 0
  for (const pid of pids) {
    const pss = /^Pss:\s+(\d+) kB$/m.exec(readProc(`${pid}/smaps_rollup`) ?? '')?.[1]
    sum += Number(pss ?? 0)
  }
  return sum
}

/** Microseconds of processor time that each thread of a process has used, by its id. */
export function threadTimesUs(pid: number): Map<string, number> {
  const times = new Map<string, number>()
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    // The first of three: nanoseconds on a processor.
    const ns = readProc(`${pid}/task/${thread}/schedstat`)?.split(' ')[0]
    if (ns !== undefined) times.set(thread, Number(ns) / NS_PER_US)
  }
  if (times.size === 0) throw new Error('this kernel does not tell of threads')
  return times
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    // It ended meanwhile.
    return undefined
  }
}
