import type { Column } from './table.ts'

/** What work costs. */
export const COST: readonly Column[] = [
  { title: 'µs a JSON request', metrics: ['jsonCpuUs'], digits: 1 },
  { title: 'µs an SSE event', metrics: ['eventCpuUs'], digits: 1 },
  { title: 'TLS: µs a request', metrics: ['jsonTlsCpuUs'], digits: 1 },
  { title: 'TLS: µs an event', metrics: ['eventTlsCpuUs'], digits: 1 },
  { title: 'JSON requests a second', metrics: ['jsonPerSecond'], digits: 0 },
]

/** What a chat's user feels, in ms. */
export const FEEL: readonly Column[] = [
  { title: 'event p50', metrics: ['addedP50Ms'], digits: 2 },
  { title: 'event p99', metrics: ['addedP99Ms'], digits: 2 },
  { title: 'first event p50', metrics: ['firstP50Ms'], digits: 2 },
  { title: 'first event p99', metrics: ['firstP99Ms'], digits: 2 },
  { title: 'gap of 50 ms, p99', metrics: ['gapP99Ms'], digits: 1 },
  {
    title: '200 at once: first event p50 / p99',
    metrics: ['togetherFirstP50Ms', 'togetherFirstP99Ms'],
    digits: 2,
  },
  { title: '500 × 50 a second: event p99', metrics: ['busyP99Ms'], digits: 2 },
  { title: 'leave → upstream p50 / p99', metrics: ['leaveP50Ms', 'leaveP99Ms'], digits: 2 },
  { title: 'beside 20 MB bodies: longest', metrics: ['bodyMaxMs'], digits: 1 },
  { title: 'such bodies a second', metrics: ['bodiesPerSecond'], digits: 1 },
]

/** Memory and start. */
export const MEMORY: readonly Column[] = [
  { title: 'MB with no stream open', metrics: ['warmMb'], digits: 0 },
  { title: 'kB a stream, 4,000 open', metrics: ['heldKb4000'], digits: 1 },
  { title: 'start → first answer, ms', metrics: ['startMs'], digits: 0 },
  { title: 'heap kept after 8,000 streams, MB', metrics: ['heapBackMb'], digits: 1 },
]

/** What a second worker brings, and what it takes. */
export const WORKERS: readonly Column[] = [
  { title: 'events that the busiest thread carries', metrics: ['twoWorkersTimes'], digits: 2 },
  {
    title: 'processor time an event, the whole process',
    metrics: ['twoWorkersCpuTimes'],
    digits: 2,
  },
  {
    title: 'JSON requests that the busiest thread carries',
    metrics: ['twoWorkersJsonTimes'],
    digits: 2,
  },
  {
    title: 'processor time a request, the whole process',
    metrics: ['twoWorkersJsonCpuTimes'],
    digits: 2,
  },
]

/** What others do to a process, and to everybody else, in MB and ms. */
export const BAD: readonly Column[] = [
  { title: '100 stopped readers: MB', metrics: ['stalledMb'], digits: 0 },
  { title: 'others’ p99', metrics: ['stalledP99Ms'], digits: 2 },
  { title: '4 floods: MB', metrics: ['floodMb'], digits: 0 },
  { title: 'others’ p99', metrics: ['floodP99Ms'], digits: 2 },
  { title: 'floods pass, MB/s', metrics: ['floodMbPerSecond'], digits: 0 },
  { title: '10,000 silent: MB', metrics: ['silentMb'], digits: 0 },
  { title: 'others’ p99', metrics: ['silentP99Ms'], digits: 2 },
]

/** What a process has more than before while the same lasts for 15 s, in MB: the most of each half. */
export const LONGER: readonly Column[] = [
  { title: '100 stopped readers', metrics: ['stalledEarlyMb', 'stalledLateMb'], digits: 0 },
  { title: '4 floods', metrics: ['floodEarlyMb', 'floodLateMb'], digits: 0 },
  { title: '10,000 silent', metrics: ['silentEarlyMb', 'silentLateMb'], digits: 0 },
]
