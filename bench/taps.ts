import { randomBytes } from 'node:crypto'

import {
  createEgressScanner,
  endScan,
  scanBytes,
  type EgressScanner,
} from '../src/proxy/egress-scan.ts'
import { findStreamForm } from '../src/proxy/stream-form.ts'
import { createStreamProgress, isKnown, readProgress } from '../src/proxy/stream-progress.ts'
import { createSecret } from '../src/secret.ts'
import { createDemandMeter } from '../src/usage/demand.ts'
import { createMeter } from '../src/usage/meter.ts'
import { createFrameFilter, filterFrames } from '../src/usage/usage-frame.ts'
import { CHAT_ANSWER, chatEvent, meterChat } from './chat-samples.ts'
import { measureLedger, RATE_PER_SECOND } from './ledger.ts'
import { type LoopPlan, measureCall } from './loop.ts'
import { busyShare } from './rig/machine.ts'

/** What passes an event or a request on top of forwarding it, in microseconds of processor time. */
export interface TapFigures {
  readonly meter: number
  readonly scan: number
  /** Of the usage frame that nobody asked for; events only. */
  /** The filter of the usage frame, and how far a stream has come. */
  readonly progress: number
  /** In one loop, one after the other, as they pass. */
  readonly together: number
}

const WORDS = ['The', ' model', ' says', ' one', ' word', ' after', ' another', ',']

const EVENTS = WORDS.map((word) => chatEvent(word))

const BODY = Buffer.from(
  JSON.stringify({
    model: 'gpt-4o-mini',
    messages: [
      { role: 'system', content: 'You are a helpful assistant. '.repeat(10) },
      { role: 'user', content: 'Sum up what stands above, and give an example. '.repeat(10) },
    ],
  }),
)
const ANSWER = Buffer.from(CHAT_ANSWER)

const createScanner = (): EgressScanner =>
  createEgressScanner([createSecret(`hk-${randomBytes(24).toString('hex')}`)])

/** An event of a chat, of one word. */
export function measureEvent(plan?: LoopPlan): TapFigures {
  const form = findStreamForm('/v1/chat/completions')
  if (form === undefined) throw new Error('chat has no form')
  const meter = createMeter({ endpoint: 'chat', demand: createDemandMeter('chat').read })
  meter.begin({ status: 200, isEventStream: true, contentType: 'text/event-stream' })
  const scan = createScanner().startBody({ isFixedLength: false })
  const filter = createFrameFilter()
  const progress = createStreamProgress(form)
  function follow(chunk: Buffer): void {
    const isRepeat = isKnown(progress, chunk)
    filterFrames(filter, chunk, isRepeat)
    if (!isRepeat) readProgress(progress, chunk)
  }
  const each = (pass: (chunk: Buffer) => void): number =>
    measureCall(() => EVENTS.forEach(pass), plan) / EVENTS.length
  return {
    meter: each((chunk) => meter.write(chunk)),
    scan: each((chunk) => void scanBytes(scan, chunk)),
    progress: each(follow),
    together: each((chunk) => {
      const bytes = scanBytes(scan, chunk)
      meter.write(bytes)
      follow(bytes)
    }),
  }
}

/** A chat that does not stream: what is asked for, the answer, its usage and its price. */
export function measureRequest(plan?: LoopPlan): TapFigures {
  const scanner = createScanner()
  const meterOne = (): void => meterChat(BODY, ANSWER)
  function scanOne(): void {
    const scan = scanner.startBody({ isFixedLength: true })
    scanBytes(scan, ANSWER)
    endScan(scan)
  }
  return {
    meter: measureCall(meterOne, plan),
    scan: measureCall(scanOne, plan),
    progress: 0,
    together: measureCall(() => {
      meterOne()
      scanOne()
    }, plan),
  }
}

/** `npm run bench -- taps`: meter, scan and ledger together, on top of forwarding. */
export async function runTaps(): Promise<string> {
  const busyBefore = await busyShare()
  const perEvent = measureEvent()
  const perRequest = measureRequest()
  const ledger = await measureLedger()
  const us = (figure: number): string => `${figure.toFixed(2)} µs`
  const [eventBytes] = EVENTS.map(({ length }) => length)
  return [
    `| processor time on top of forwarding | an event of ${eventBytes} bytes | a request of ${BODY.length} + ${ANSWER.length} bytes |`,
    '|---|---:|---:|',
    `| Meter | ${us(perEvent.meter)} | ${us(perRequest.meter)} |`,
    `| Scan for the key | ${us(perEvent.scan)} | ${us(perRequest.scan)} |`,
    `| Progress of the stream, filter of the usage frame | ${us(perEvent.progress)} | – |`,
    `| Ledger, on a busy event loop | – | ${us(ledger.busyCpuUs)} |`,
    `| Together | ${us(perEvent.together)} | ${us(perRequest.together + ledger.busyCpuUs)} |`,
    `| Ledger, on an event loop that wakes up for nothing else, at ${RATE_PER_SECOND.toLocaleString('en-US')} entries a second | – | ${us(ledger.cpuUs)} |`,
    '',
    `Event loop delay at ${RATE_PER_SECOND.toLocaleString('en-US')} entries a second: p99 ${ledger.p99Ms.toFixed(2)} ms (without the ledger: ${ledger.p99WithoutMs.toFixed(2)} ms). Others used ${(100 * busyBefore).toFixed(0)} % of the processor when it began.`,
  ].join('\n')
}
