/** Streams at which the cost of one is taken, at the same number of events a second for all of them. */
export const STREAM_COUNTS = [500, 1000, 2000, 4000, 8000] as const

export type StreamCount = (typeof STREAM_COUNTS)[number]

const SINGLE = [
  'jsonCpuUs',
  'jsonPerSecond',
  'eventCpuUs',
  'busyP99Ms',
  'jsonTlsCpuUs',
  'eventTlsCpuUs',
  'addedP50Ms',
  'addedP99Ms',
  'firstP50Ms',
  'firstP99Ms',
  'gapP99Ms',
  'togetherFirstP50Ms',
  'togetherFirstP99Ms',
  'leaveP50Ms',
  'leaveP99Ms',
  'bodyMaxMs',
  'bodiesPerSecond',
  'startMs',
  'warmMb',
  'stalledMb',
  'stalledP99Ms',
  'floodMb',
  'floodP99Ms',
  'floodMbPerSecond',
  'silentMb',
  'silentP99Ms',
  'stalledEarlyMb',
  'stalledLateMb',
  'floodEarlyMb',
  'floodLateMb',
  'silentEarlyMb',
  'silentLateMb',
  'heapBackMb',
  'twoWorkersTimes',
  'twoWorkersCpuTimes',
  'twoWorkersJsonTimes',
  'twoWorkersJsonCpuTimes',
] as const

/** Everything that is measured, by name and unit. */
export const METRICS = [
  ...SINGLE,
  ...STREAM_COUNTS.map((count) => `heldCpuUs${count}` as const),
  ...STREAM_COUNTS.map((count) => `heldKb${count}` as const),
] as const

export type Metric = (typeof METRICS)[number]

export type Measured = Partial<Record<Metric, number>>
