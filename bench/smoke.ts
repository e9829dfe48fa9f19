import { percentile, readStream, readStreams, type Target } from './load.ts'
import { type BenchProcess, startProcess } from './processes.ts'

const TOKEN = 'ks-bench-client'

/** Requests for the time to the first event, one after the other, each way in turn. */
const FIRST_EVENT_REQUESTS = 400
const ONE_EVENT = { events: 1, paceMs: 1 }

/** Streams for the processor time, long enough that their beginning hardly counts. */
const STREAMS = 100
const LONG_STREAM = { events: 250, paceMs: 10 }
const ROUNDS = 3

const PROXY_CORE = 0
const UPSTREAM_CORE = 1

/** Measures what Keystow adds to a stream; returns the rows of a Markdown table. */
export async function runSmoke(): Promise<string> {
  const upstream = await startProcess({ script: 'bench/upstream.ts', env: {}, core: UPSTREAM_CORE })
  const keystow = await startProcess({
    script: 'src/server.ts',
    core: PROXY_CORE,
    env: {
      PORT: '0',
      UPSTREAM_URL: upstream.origin,
      UPSTREAM_API_KEY: 'hk-bench-credential',
      CLIENT_TOKENS: `bench:${TOKEN}`,
      RATE_LIMIT_PER_MINUTE: '1000000',
      CONCURRENCY_LIMIT: '100000',
    },
  })
  try {
    const direct = { origin: upstream.origin, token: TOKEN }
    const proxied = { origin: keystow.origin, token: TOKEN }
    const firstEvents = await measureFirstEvents(direct, proxied)
    const upstreamCpu = await measureCpuPerEvent(direct, upstream)
    const keystowCpu = await measureCpuPerEvent(proxied, keystow)
    return [
      '| | direct | through Keystow |',
      '|---|---|---|',
      `| Time to first event, p50 / p99 | ${firstEvents.direct} | ${firstEvents.proxied} |`,
      `| Processor time per event (direct: the upstream’s own; through: Keystow’s) | ${upstreamCpu} | ${keystowCpu} |`,
    ].join('\n')
  } finally {
    await Promise.all([keystow.stop(), upstream.stop()])
  }
}

async function measureFirstEvents(
  direct: Target,
  proxied: Target,
): Promise<{ direct: string; proxied: string }> {
  const times = { direct: [] as number[], proxied: [] as number[] }
  for (let i = 0; i < FIRST_EVENT_REQUESTS; i++) {
    const [viaDirect, viaProxy] = [
      await readStream(direct, ONE_EVENT),
      await readStream(proxied, ONE_EVENT),
    ]
    // The first requests open connections and compile code.
    if (i < FIRST_EVENT_REQUESTS / 4) continue
    times.direct.push(viaDirect)
    times.proxied.push(viaProxy)
  }
  const show = (values: readonly number[]): string =>
    `${percentile(values, 0.5).toFixed(2)} / ${percentile(values, 0.99).toFixed(2)} ms`
  return { direct: show(times.direct), proxied: show(times.proxied) }
}

async function measureCpuPerEvent(target: Target, measured: BenchProcess): Promise<string> {
  await readStreams(target, STREAMS, LONG_STREAM)
  const rounds: number[] = []
  for (let round = 0; round < ROUNDS; round++) {
    const before = measured.cpuUs()
    await readStreams(target, STREAMS, LONG_STREAM)
    rounds.push((measured.cpuUs() - before) / (STREAMS * LONG_STREAM.events))
  }
  const [least, most] = [Math.min(...rounds), Math.max(...rounds)]
  return `${percentile(rounds, 0.5).toFixed(1)} µs (${least.toFixed(1)}–${most.toFixed(1)})`
}
