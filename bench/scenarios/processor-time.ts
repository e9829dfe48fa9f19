import type { ContenderId } from '../contenders/contender.ts'
import type { Measured } from '../metrics.ts'
import type { LoadResult } from '../rig/load.ts'
import { ENDLESS, type Scenario, toMs } from './scenario.ts'

const JSON_LOAD = { mode: 'json', conns: 32, warm: 300, ms: 2000 } as const

/** 50 events a second each, once all are open: streams that run keep a busy proxy from opening others. */
const STREAM_LOAD = {
  mode: 'stream',
  events: ENDLESS,
  pace: 20,
  wait: 500,
  warm: 700,
  ms: 2000,
} as const

/** 25,000 events a second: much for a proxy on one core, little enough that all of them keep up. */
const BUSY_STREAMS = 500
const SMOKE_STREAMS = 200

/** From the fifth load on, or some twenty thousand answers, a server of JavaScript no longer becomes cheaper. */
const WARM_ANSWERS = 24_000
const WARM_EVENTS = 20_000
const WARM_LOADS = 6

/** Code that has been run often enough to be compiled, and connections that are open. */
export const warmUp: Scenario = {
  name: 'warm-up',
  rounds: 1,
  metrics: [],
  async run(target) {
    let [answers, events] = [0, 0]
    for (let i = 0; i < WARM_LOADS && answers < WARM_ANSWERS; i++) {
      answers += (await target.load({ ...JSON_LOAD, ms: 1000 })).answers
    }
    for (let i = 0; i < WARM_LOADS && events < WARM_EVENTS; i++) {
      events += (await target.load({ ...STREAM_LOAD, conns: SMOKE_STREAMS, ms: 2100 })).events
    }
    return {}
  },
}

/** As many JSON requests as 32 connections get answered. */
export const jsonRequests = (rounds: number): Scenario => ({
  name: 'JSON requests',
  rounds,
  metrics: ['jsonPerSecond', 'jsonCpuUs'],
  async run(target) {
    const result = await target.load(JSON_LOAD)
    const rate = { jsonPerSecond: result.answers / result.seconds }
    return { ...rate, ...unlessDirect(target.id, { jsonCpuUs: result.cpuUs / result.answers }) }
  },
})

export const jsonRequestsTls = (rounds: number): Scenario => ({
  name: 'JSON requests, TLS',
  rounds,
  metrics: ['jsonTlsCpuUs'],
  async run(target) {
    const { cpuUs, answers } = await target.load(JSON_LOAD)
    return { jsonTlsCpuUs: cpuUs / answers }
  },
})

export const busyStreams = (rounds: number): Scenario => ({
  name: 'busy streams',
  rounds,
  metrics: ['busyP99Ms', 'eventCpuUs'],
  async run(target) {
    const result = await target.load({ ...STREAM_LOAD, conns: BUSY_STREAMS })
    const delay = { busyP99Ms: toMs(result.added.p99) }
    return { ...delay, ...unlessDirect(target.id, { eventCpuUs: cpuPerEvent(result) }) }
  },
})

export const busyStreamsTls = (rounds: number): Scenario => ({
  name: 'busy streams, TLS',
  rounds,
  metrics: ['eventTlsCpuUs'],
  async run(target) {
    // Five hundred handshakes take their time.
    const slow = { wait: 1900, warm: 2100 }
    const result = await target.load({ ...STREAM_LOAD, ...slow, conns: BUSY_STREAMS })
    return { eventTlsCpuUs: cpuPerEvent(result) }
  },
})

/** A shorter look at both, with a load that a machine which has other things to do can bear too. */
export const smokeLoads = (rounds: number): Scenario => ({
  name: 'JSON requests, then streams',
  rounds,
  metrics: ['jsonCpuUs', 'eventCpuUs'],
  async run(target) {
    const json = await target.load({ ...JSON_LOAD, warm: 200, ms: 1000 })
    const soon = { wait: 300, warm: 500, ms: 1200 }
    const streams = await target.load({ ...STREAM_LOAD, ...soon, conns: SMOKE_STREAMS })
    return { jsonCpuUs: json.cpuUs / json.answers, eventCpuUs: cpuPerEvent(streams) }
  },
})

const cpuPerEvent = ({ cpuUs, events }: LoadResult): number => cpuUs / events

/** Nothing stands in the way of a direct request that could use processor time. */
const unlessDirect = (id: ContenderId, measured: Measured): Measured =>
  id === 'direct' ? {} : measured
