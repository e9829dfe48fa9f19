import type { Answer } from './answer.ts'
import { requireCredential } from './auth.ts'
import { chooseBehaviour, type ChosenBehaviour } from './behaviours.ts'
import type { Bill } from './bill.ts'
import { deliver } from './deliver.ts'
import { DemoError, errorAnswer } from './demo-error.ts'
import { type DemoRequest, parseBody } from './demo-request.ts'
import { applyEarlyFault } from './early-faults.ts'
import { BodyTooLargeError, type Exchange } from './exchange.ts'
import { findRoute, type Route } from './routes.ts'

/** What all requests of one upstream share. */
export interface DemoService {
  readonly credentials: readonly string[]
  readonly paceMs: number
  readonly bill: Bill
  readonly routes: readonly Route[]
}

const ORDINARY: ChosenBehaviour = chooseBehaviour('')

/** Answers one request from its headers to its last byte. Never rejects: a client may go at any time. */
export async function answerRequest(exchange: Exchange, service: DemoService): Promise<void> {
  const { response, gone } = exchange
  const options = { ...service, behaviour: ORDINARY, credential: '' }
  try {
    const outcome = await prepare(exchange, service)
    if (outcome === 'gone') return
    await deliver(exchange, outcome.answer, { ...options, ...outcome })
  } catch (error) {
    if (gone.aborted) return
    if (response.headersSent) {
      response.destroy()
      return
    }
    await deliver(exchange, errorAnswer(toDemoError(error)), options).catch(() => {
      response.destroy()
    })
  }
}

interface Outcome {
  readonly answer: Answer
  readonly behaviour: ChosenBehaviour
  /** What the client authenticated with. */
  readonly credential: string
}

async function prepare(
  exchange: Exchange,
  { credentials, routes }: DemoService,
): Promise<Outcome | 'gone'> {
  const { request, requestId, received } = exchange
  const { pathname, searchParams: query } = parseTarget(received.path)
  const credential = requireCredential(request.headers, pathname, credentials)
  const { answer, params } = findRoute(routes, received.method, pathname)
  const body = await exchange.body
  const parsed = parseBody(body, request.headers['content-type'] ?? '', query)
  const behaviour = chooseBehaviour(parsed.model)
  const early = await applyEarlyFault(exchange, behaviour)
  if (early === 'gone') return early
  if (early !== undefined) return { answer: early, behaviour, credential }
  const demoRequest: DemoRequest = {
    ...parsed,
    method: received.method,
    path: received.path,
    headers: request.headers,
    query,
    params,
    requestId,
    remoteAddress: request.socket.remoteAddress ?? '',
    credential,
    body,
    behaviour,
  }
  return { answer: answer(demoRequest), behaviour, credential }
}

/** `//v1/models` is a path here, not a host, as it is for most servers. */
function parseTarget(target: string): { pathname: string; searchParams: URLSearchParams } {
  const [pathname = '', ...query] = target.split('?')
  return { pathname, searchParams: new URLSearchParams(query.join('?')) }
}

function toDemoError(error: unknown): DemoError {
  if (error instanceof DemoError) return error
  if (error instanceof BodyTooLargeError) return new DemoError(413, 'The body is too large.')
  return new DemoError(500, `The demo upstream has a bug: ${String(error)}`)
}
