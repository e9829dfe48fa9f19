import { createDice, type Dice } from '../../test/helpers/dice.ts'

export interface TrafficPlan {
  readonly requests: number
  /** Of them, streams whose clients leave at a random point. */
  readonly aborted: number
  readonly seed: number
}

/** One request, and after how many events its client leaves, if it does. */
export interface Order {
  readonly path: string
  readonly body: object
  readonly leaveAfter: number | undefined
}

interface Place {
  readonly origin: string
  readonly token: string
}

/** A stream whose client leaves has more events than these, at a pace at which it is still running then. */
const LEAVE_BEFORE_EVENT = 50
const LEAVING_MODEL = 'demo-pace-20'

const MOST_AT_ONCE = 40

const CHAT = '/v1/chat/completions'
const RESPONSES = '/v1/responses'

/** Of different lengths, in two languages; a part of the longest comes out of the upstream's cache. */
const TEXTS = [
  'Hello',
  'Why is the sky blue? Say it in a poem.',
  '你好，给我讲一个故事。'.repeat(5),
  'Tell me more, 请继续。'.repeat(200),
] as const

type Make = (content: string) => Omit<Order, 'leaveAfter'>

const ask = (content: string) => [{ role: 'user', content }]

const STAYING: readonly Make[] = [
  (text) => ({ path: CHAT, body: { model: 'gpt-4o-mini', messages: ask(text), n: 2 } }),
  (text) => ({ path: CHAT, body: { model: 'gpt-4o', stream: true, messages: ask(text) } }),
  (text) => ({
    path: CHAT,
    body: {
      model: 'gpt-5',
      stream: true,
      stream_options: { include_usage: true },
      messages: ask(text),
    },
  }),
  (text) => ({ path: RESPONSES, body: { model: 'gpt-5', stream: true, input: text } }),
  (text) => ({ path: '/v1/embeddings', body: { model: 'text-embedding-3-small', input: text } }),
  (text) => ({
    path: '/v1/images/generations',
    body: { model: 'dall-e-3', prompt: text, n: 2 },
  }),
]

const LEAVING: readonly Make[] = [
  (text) => ({ path: CHAT, body: { model: LEAVING_MODEL, stream: true, messages: ask(text) } }),
  (text) => ({ path: RESPONSES, body: { model: LEAVING_MODEL, stream: true, input: text } }),
]

/** The requests of a seed; those whose clients leave are spread evenly among the others. */
export function planTraffic({ requests, aborted, seed }: TrafficPlan): Order[] {
  const dice = createDice(seed)
  return Array.from({ length: requests }, (_, index) => {
    const leavesBefore = (count: number): number => Math.floor((count * aborted) / requests)
    const isLeaving = leavesBefore(index + 1) > leavesBefore(index)
    return planOne(dice, isLeaving)
  })
}

function planOne(dice: Dice, isLeaving: boolean): Order {
  const make = dice.pick(isLeaving ? LEAVING : STAYING)
  const leaveAfter = dice.below(LEAVE_BEFORE_EVENT)
  return { ...make(dice.pick(TEXTS)), leaveAfter: isLeaving ? leaveAfter : undefined }
}

/** Sends them, many at once; returns the ids of the requests whose clients left in the middle. */
export async function sendAll(place: Place, orders: readonly Order[]): Promise<Set<string>> {
  const left = new Set<string>()
  const queue = orders.values()
  async function work(): Promise<void> {
    for (const order of queue) {
      const id = await send(place, order)
      if (id !== undefined) left.add(id)
    }
  }
  await Promise.all(Array.from({ length: MOST_AT_ONCE }, work))
  return left
}

/** The request's id when its client left in the middle. */
async function send({ origin, token }: Place, order: Order): Promise<string | undefined> {
  const controller = new AbortController()
  const answer = await fetch(origin + order.path, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify(order.body),
    signal: controller.signal,
  })
  if (answer.status !== 200) throw new Error(`${order.path}: ${answer.status}`)
  if (order.leaveAfter === undefined) {
    await answer.arrayBuffer()
    return undefined
  }
  const isRunning = await readEvents(answer, order.leaveAfter)
  controller.abort()
  return isRunning ? (answer.headers.get('x-request-id') ?? '') : undefined
}

/** Reads so many events; false when the answer had no more. */
async function readEvents(answer: Response, count: number): Promise<boolean> {
  const reader = answer.body?.getReader()
  for (let read = 0; read < count;) {
    const part = await reader?.read()
    if (part?.value === undefined) return false
    read += Buffer.from(part.value).toString('latin1').split('\n\n').length - 1
  }
  return true
}
