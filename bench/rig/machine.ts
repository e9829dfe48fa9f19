import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'

import type { Contender } from '../contenders/contender.ts'
import { CONTENDERS, isInstalled } from '../contenders/contenders.ts'
import { FLAGS } from '../contenders/keystow.ts'
import { isPinned } from './child.ts'

const LOOK_MS = 1000
const BYTES_PER_GB = 1e9
const SECONDS_PER_MINUTE = 60

/** Share of the processor that others use, of all cores together, looked at for a second. */
export async function busyShare(): Promise<number> {
  const [before, startedAt] = [busyMs(), performance.now()]
  await new Promise((resolve) => setTimeout(resolve, LOOK_MS))
  return (busyMs() - before) / (performance.now() - startedAt) / cpus().length
}

const busyMs = (): number =>
  cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0)

const VERSION_COMMANDS: Readonly<Record<string, readonly string[]>> = {
  nginx: ['nginx', '-v'],
  haproxy: ['haproxy', '-v'],
  caddy: ['caddy', 'version'],
}

interface RunFacts {
  readonly node: string
  /** What was measured; undefined where nobody knows. */
  readonly commit: string | undefined
  readonly contenders: readonly Contender[]
  readonly rounds: number
  readonly startedAt: number
  readonly busyBefore: number
  readonly failures: readonly string[]
}

/**
 * What belongs to the figures to be understood: what was measured, machine, versions, and what is missing. Commit and
 * flags show when a page is no longer of the tree that it is in.
 */
export function describeRun(facts: RunFacts): string[] {
  const { node, commit, contenders, rounds, startedAt, busyBefore, failures } = facts
  const model = cpus()[0]?.model ?? 'unknown processor'
  const memory = `${(totalmem() / BYTES_PER_GB).toFixed(0)} GB`
  const versions = Object.values(VERSION_COMMANDS).flatMap(versionOf)
  const leftOut = CONTENDERS.filter((contender) => !contenders.includes(contender))
  const minutes = (performance.now() - startedAt) / 1000 / SECONDS_PER_MINUTE
  return [
    `${cpus().length} × ${model}, ${memory}, Linux ${release()}; proxy on core 0, upstream and load on core 1${isPinned ? '' : ' (not pinned: no taskset)'}`,
    ...(commit === undefined ? [] : [`commit ${commit}`]),
    `Keystow’s Node was started with \`${FLAGS.join(' ')}\``,
    `Node ${versionOf([node, '-v']).join('')}; ${versions.join('; ')}`,
    `${rounds} rounds of what counts most, ${minutes.toFixed(0)} minutes; before it began, others used ${(100 * busyBefore).toFixed(0)} % of the processor`,
    ...leftOut.map(
      (one) => `${one.label}: left out, ${isInstalled(one) ? 'by --only' : 'not installed'}`,
    ),
    ...failures,
  ]
}

function versionOf(command: readonly string[]): string[] {
  const [program = '', ...args] = command
  const env = { PATH: `${process.env['PATH'] ?? ''}:/usr/sbin` }
  const { stdout, stderr, status } = spawnSync(program, args, { encoding: 'utf8', env })
  if (status !== 0) return []
  const text = `${stdout}${stderr}`.split('\n')[0] ?? ''
  const version = /\d+\.\d+\.\d+/.exec(text)?.[0] ?? text
  return [program.includes('node') ? version : `${program} ${version}`]
}
