import { onTestFinished, vi } from 'vitest'

import type { ContenderId } from '../../bench/contenders/contender.ts'
import type { LoadPlan, LoadResult } from '../../bench/rig/load.ts'
import { demandNoError, type Stage, type Target } from '../../bench/rig/stage.ts'

const LOADED = { count: 1000, mean: 120, p50: 100, p99: 200, max: 300 }

/** As of a contender that does whatever it is asked to. */
const loadResult = ({ conns }: LoadPlan, parts: Partial<LoadResult>): LoadResult => ({
  seconds: 1,
  answers: 30_000,
  events: 30_000,
  bytes: 9_000_000,
  opened: conns,
  alive: conns,
  errors: 0,
  error: '',
  reconnects: 0,
  closedByPeer: 0,
  cpuUs: 300_000,
  upstreamCpuUs: 1,
  loadCpuUs: 1,
  latency: LOADED,
  first: LOADED,
  added: LOADED,
  gap: LOADED,
  left: [[1, 0]],
  ...parts,
})

/** What differs in the result of a load; an error when the load is to fail. */
export type Loaded = (id: ContenderId, plan: LoadPlan) => Partial<LoadResult>

/** A contender without a process of its own. */
export function fakeTarget(
  id: ContenderId,
  loaded: Loaded = () => ({}),
  child?: Target['child'],
): Target {
  const result = (plan: LoadPlan): LoadResult => loadResult(plan, loaded(id, plan))
  return {
    id,
    startMs: 50,
    child,
    upstream: {
      port: 0,
      pid: 0,
      caFile: undefined,
      takeLeft: () => 1_000_000,
      stop: () => Promise.resolve(),
    },
    pids: () => [],
    memoryKb: () => 100_000,
    startLoad: (plan) => ({
      begun: Promise.resolve(),
      result: Promise.resolve(result(plan)),
      stop: () => Promise.resolve(result(plan)),
    }),
    load: (plan) => Promise.resolve(plan).then((asked) => demandNoError(result(asked))),
    stop: () => Promise.resolve(),
  }
}

interface FakeStageOptions {
  readonly loaded?: Loaded
  /** Who does not start, and at which of its starts; at all of them without a number. */
  readonly down?: (id: ContenderId, start: number) => boolean
  readonly child?: Target['child']
}

export function fakeStage({ loaded, down = () => false, child }: FakeStageOptions = {}): Stage {
  const starts = new Map<ContenderId, number>()
  return {
    hasTls: true,
    folder: '',
    node: process.execPath,
    async start({ id }) {
      const start = starts.get(id) ?? 0
      starts.set(id, start + 1)
      if (down(id, start)) throw new Error('did not serve')
      return fakeTarget(id, loaded, child)
    },
    direct: () => fakeTarget('direct', loaded),
  }
}

/** The benchmark says on standard error where it is. */
export function keepQuiet(): void {
  const spy = vi.spyOn(process.stderr, 'write').mockReturnValue(true)
  onTestFinished(() => spy.mockRestore())
}
