import type { Column } from './table.ts'

export type Language = 'en' | 'zh'

/** What stands in the READMEs, in both languages. */
export const TEXTS = {
  en: {
    plot: 'Processor time and memory of Keystow beside others',
    json: 'µs a JSON request',
    event: 'µs an SSE event',
    tls: 'the two with TLS to the upstream',
    memory: 'kB a stream, 4,000 open',
    added: 'event delay p50 / p99, ms',
    first: 'first event p50 / p99, ms',
    leave: 'client leaves → upstream p99, ms',
    times: (rival: string) => `Keystow ÷ ${rival}; the least recorded`,
    leftOut: (rival: string) => `${rival} is left out: it was not measured.`,
  },
  zh: {
    plot: 'Keystow 与其他代理的处理器时间和内存',
    json: '每个 JSON 请求，µs',
    event: '每个 SSE 事件，µs',
    tls: '上游用 TLS 时的这两项',
    memory: '4,000 条流时每条占内存，kB',
    added: '事件延迟 p50 / p99，ms',
    first: '首个事件 p50 / p99，ms',
    leave: '客户端离开 → 上游 p99，ms',
    times: (rival: string) => `Keystow ÷ ${rival}；记录的最小值`,
    leftOut: (rival: string) => `没有 ${rival}：未测量。`,
  },
} as const

/** The figures that matter most. */
export function readmeColumns(language: Language): Column[] {
  const text = TEXTS[language]
  return [
    { title: text.json, metrics: ['jsonCpuUs'], digits: 1 },
    { title: text.event, metrics: ['eventCpuUs'], digits: 1 },
    { title: text.tls, metrics: ['jsonTlsCpuUs', 'eventTlsCpuUs'], digits: 1 },
    { title: text.memory, metrics: ['heldKb4000'], digits: 0 },
    { title: text.added, metrics: ['addedP50Ms', 'addedP99Ms'], digits: 2 },
    { title: text.first, metrics: ['firstP50Ms', 'firstP99Ms'], digits: 2 },
    { title: text.leave, metrics: ['leaveP99Ms'], digits: 2 },
  ]
}
