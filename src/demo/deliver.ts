import type { Answer, BodyAnswer } from './answer.ts'
import type { ChosenBehaviour } from './behaviours.ts'
import type { Bill, BillEntry } from './bill.ts'
import type { Exchange } from './exchange.ts'
import { type AnswerHeaders, buildAnswerHeaders } from './headers.ts'
import { send } from './send.ts'
import { bodySteps, streamSteps } from './steps.ts'

interface DeliverOptions {
  readonly behaviour: ChosenBehaviour
  readonly paceMs: number
  readonly bill: Bill
  /** What the client authenticated with, for the model that leaks it. */
  readonly credential: string
}

const LENGTH_LIE_BYTES = 10
/** A stream has no length to lie about: one that is over before the stream is, and one it does not reach. */
const SHORT_STREAM_BYTES = 100
const LONG_STREAM_BYTES = 1_000_000_000
const TRAILERS = { 'x-demo-trailer': 'the-end' }

/** Sends an answer the way the behaviour wants it sent, and bills it. */
export async function deliver(
  exchange: Exchange,
  answer: Answer,
  options: DeliverOptions,
): Promise<void> {
  const { behaviour, paceMs } = options
  const { response } = exchange
  const finalAnswer = answer.kind === 'body' ? alterBody(answer, options) : answer
  const status = finalAnswer.kind === 'body' ? finalAnswer.status : 200
  const entry = openEntry(exchange, finalAnswer, options)
  response.writeHead(status, buildHeaders(exchange, finalAnswer, options))
  response.flushHeaders()
  const steps =
    finalAnswer.kind === 'stream'
      ? streamSteps(finalAnswer.frames, behaviour, paceMs)
      : bodySteps(finalAnswer, behaviour)
  try {
    await send(exchange, steps, {
      gzip: behaviour.name === 'demo-gzip',
      ...(behaviour.name === 'demo-trailers' ? { trailers: TRAILERS } : {}),
      ...(entry === undefined ? {} : { entry }),
    })
  } finally {
    if (entry?.outcome === 'open') entry.outcome = 'aborted'
  }
}

function openEntry(
  { requestId, received }: Exchange,
  answer: Answer,
  { bill }: DeliverOptions,
): BillEntry | undefined {
  if (answer.charge === undefined) return undefined
  const streamed = answer.kind === 'stream'
  return bill.open({ requestId, path: received.path, streamed }, answer.charge)
}

/** A JSON object gets the leaked credential as a member, a text as a line; binary bodies leak by header only. */
function alterBody(answer: BodyAnswer, { behaviour, credential }: DeliverOptions): BodyAnswer {
  if (behaviour.name !== 'demo-echo-key') return answer
  const text = answer.body.toString()
  if (answer.contentType?.startsWith('text/') === true) {
    return { ...answer, body: Buffer.from(`${text}\nyour key: ${credential}`) }
  }
  if (!text.startsWith('{') || answer.contentType !== 'application/json') return answer
  const member = `{"demo_debug":${JSON.stringify({ authorization: `Bearer ${credential}` })},`
  return { ...answer, body: Buffer.from(member + text.slice(1)) }
}

function buildHeaders(
  exchange: Exchange,
  answer: Answer,
  { behaviour, credential }: DeliverOptions,
): AnswerHeaders {
  const headers = buildAnswerHeaders(exchange)
  if (answer.kind === 'stream') {
    headers['content-type'] = 'text/event-stream; charset=utf-8'
    headers['cache-control'] = 'no-cache'
  } else {
    if (answer.contentType !== undefined) headers['content-type'] = answer.contentType
    Object.assign(headers, answer.headers)
  }
  const length = declareLength(answer, behaviour)
  if (length !== undefined) headers['content-length'] = String(length)
  if (behaviour.name === 'demo-gzip') headers['content-encoding'] = 'gzip'
  if (behaviour.name === 'demo-trailers') headers['trailer'] = Object.keys(TRAILERS).join(', ')
  if (behaviour.name === 'demo-echo-key') {
    headers['x-demo-credential'] = credential
    headers['x-demo-request-authorization'] = `Bearer ${credential}`
  }
  return headers
}

/** Undefined makes the answer chunked. */
function declareLength(answer: Answer, { name }: ChosenBehaviour): number | undefined {
  const truth = answer.kind === 'body' ? answer.body.length : undefined
  switch (name) {
    case 'demo-wrong-length-short':
      return truth === undefined ? SHORT_STREAM_BYTES : Math.max(0, truth - LENGTH_LIE_BYTES)
    case 'demo-wrong-length-long':
      return truth === undefined ? LONG_STREAM_BYTES : truth + LENGTH_LIE_BYTES
    case 'demo-clean-eof':
    case 'demo-gzip':
    case 'demo-trailers':
      return undefined
    default:
      return truth
  }
}
