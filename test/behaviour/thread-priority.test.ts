import { readdirSync, readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'

const NICENESS = 4

/** Field 19 of proc_pid_stat(5), counted from behind the name, which may hold spaces. */
const NICENESS_AT = 16

/** Of every thread of a process, by its name. */
function readNiceness(pid: number): Record<string, number[]> {
  const found: Record<string, number[]> = {}
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    const stat = readFileSync(`/proc/${pid}/task/${thread}/stat`, 'utf8')
    const name =
      Number(thread) === pid ? 'main' : stat.slice(stat.indexOf('(') + 1, stat.indexOf(')'))
    const niceness = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[NICENESS_AT])
    ;(found[name] ??= []).push(niceness)
  }
  return found
}

async function start(workers: string): Promise<number> {
  const keystow = startProcess({
    env: {
      PORT: '0',
      WORKERS: workers,
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
    },
  })
  await listeningPort(keystow)
  return keystow.child.pid ?? 0
}

describe('the threads of a server', () => {
  it('let the one that serves go first', async () => {
    const pid = await start('1')
    const { main, V8Worker } = readNiceness(pid)
    expect(main).toEqual([0])
    expect(V8Worker?.length).toBeGreaterThan(0)
    expect(new Set(V8Worker)).toEqual(new Set([NICENESS]))
    // The ledger's.
    await expect.poll(() => readNiceness(pid)['WorkerThread']).toEqual([NICENESS])
  })

  it('let all that serve go first', async () => {
    const pid = await start('2')
    expect(readNiceness(pid)['main']).toEqual([0])
    await expect.poll(() => readNiceness(pid)['WorkerThread']?.toSorted()).toEqual([0, 0, NICENESS])
  })
})
