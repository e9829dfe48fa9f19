import { readdirSync, readFileSync } from 'node:fs'

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

/** Jiffies are hundredths of a second on every Linux that Node runs on (USER_HZ). */
const JIFFY_US = 10_000

/** Processor time that one process has used. */
export function cpuUs(pid: number): number {
  const stat = readProc(`${pid}/stat`) ?? ''
  // Behind the name in parentheses: user and system time are the 12th and 13th.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return (Number(fields[11] ?? 0) + Number(fields[12] ?? 0)) * JIFFY_US
}

function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8')
  } catch {
    // It ended meanwhile.
    return undefined
  }
}
