import { ChildProcess } from 'node:child_process'

import { expect, it, onTestFinished, vi } from 'vitest'

import { badInput, badInputForLonger } from '../../bench/scenarios/bad-input.ts'
import { heapAfterStreams, heldStreams } from '../../bench/scenarios/held-streams.ts'
import {
  busyStreams,
  busyStreamsTls,
  jsonRequests,
  jsonRequestsTls,
  smokeLoads,
  warmUp,
} from '../../bench/scenarios/processor-time.ts'
import type { Scenario } from '../../bench/scenarios/scenario.ts'
import {
  largeBodies,
  leavingClients,
  liveStreams,
  streamsTogether,
} from '../../bench/scenarios/what-users-feel.ts'
import { twoWorkers } from '../../bench/scenarios/workers.ts'
import { fakeStage, fakeTarget } from '../helpers/bench.ts'

/** This process, that has a heap of one byte. */
function makeChild(): ChildProcess {
  const child = new ChildProcess()
  const answer = { heapUsed: 1, external: 0 }
  return Object.assign(child, {
    pid: process.pid,
    send: () => queueMicrotask(() => child.emit('message', answer)),
  })
}

const SCENARIOS: readonly Scenario[] = [
  badInput(1),
  badInputForLonger,
  heapAfterStreams,
  heldStreams(500, 1),
  heldStreams(8000, 1),
  busyStreams(1),
  busyStreamsTls(1),
  jsonRequests(1),
  jsonRequestsTls(1),
  smokeLoads(1),
  warmUp,
  largeBodies(1),
  leavingClients(1),
  liveStreams(1),
  streamsTogether(1),
  twoWorkers(fakeStage({ child: makeChild() }), 1),
]

it.each(SCENARIOS.map((scenario) => [scenario.name, scenario] as const))(
  '%s: names exactly what it yields, so that a failed round can be marked',
  async (_name, scenario) => {
    vi.useFakeTimers({ toFake: ['setTimeout'], shouldAdvanceTime: true, advanceTimeDelta: 5 })
    onTestFinished(() => void vi.useRealTimers())
    const measured = scenario.run(fakeTarget('keystow', undefined, makeChild()))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(Object.keys(await measured).toSorted()).toEqual([...scenario.metrics].toSorted())
  },
)
