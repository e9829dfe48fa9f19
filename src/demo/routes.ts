import { answerAccountUsage, answerSubscription, createCallLog } from './account.ts'
import type { Answer } from './answer.ts'
import { answerSpeech, answerTranscription } from './audio.ts'
import type { Bill } from './bill.ts'
import { answerChat } from './chat.ts'
import { answerCompletion } from './completions.ts'
import { DemoError } from './demo-error.ts'
import type { DemoRequest } from './demo-request.ts'
import { answerEcho, ECHO_PATH } from './echo.ts'
import { answerEmbeddings } from './embeddings.ts'
import { answerImageEdit, answerImageGeneration } from './images.ts'
import { createMidjourneyTasks } from './midjourney.ts'
import { answerModel, answerModelList } from './models.ts'
import { answerModeration } from './moderations.ts'
import { answerRealtimeCall } from './realtime.ts'
import { answerResponse } from './responses.ts'

export type Endpoint = (request: DemoRequest) => Answer

export interface Route {
  readonly method: 'GET' | 'POST'
  /** Matches the whole path without the query; its groups become `params`. */
  readonly path: RegExp
  readonly answer: Endpoint
}

interface FoundRoute {
  readonly answer: Endpoint
  readonly params: readonly string[]
}

const MJ = String.raw`^(?:/(?:mj-fast|mj-relax|mj-turbo|fast|relax))?/mj`
const MJ_ACTIONS = 'imagine|change|action|blend|describe|shorten|modal'

/** Every endpoint, in the order they are tried. */
export function createRoutes(bill: Bill): readonly Route[] {
  return [...createOpenAIRoutes(), ...createAccountRoutes(bill), ...createMidjourneyRoutes()]
}

function createOpenAIRoutes(): Route[] {
  return [
    { method: 'GET', path: /^\/v1\/models$/, answer: answerModelList },
    { method: 'GET', path: /^\/v1\/models\/(.+)$/, answer: answerModel },
    { method: 'POST', path: /^\/v1\/chat\/completions$/, answer: answerChat },
    { method: 'POST', path: /^\/v1\/completions$/, answer: answerCompletion },
    { method: 'POST', path: /^\/v1\/responses$/, answer: answerResponse },
    { method: 'POST', path: /^\/v1\/embeddings$/, answer: answerEmbeddings },
    { method: 'POST', path: /^\/v1\/moderations$/, answer: answerModeration },
    { method: 'POST', path: /^\/v1\/images\/generations$/, answer: answerImageGeneration },
    { method: 'POST', path: /^\/v1\/images\/edits$/, answer: answerImageEdit },
    { method: 'POST', path: /^\/v1\/audio\/speech$/, answer: answerSpeech },
    {
      method: 'POST',
      path: /^\/v1\/audio\/(?:transcriptions|translations)$/,
      answer: answerTranscription,
    },
    { method: 'POST', path: /^\/v1\/realtime\/calls$/, answer: answerRealtimeCall },
  ]
}

function createAccountRoutes(bill: Bill): Route[] {
  return [
    { method: 'GET', path: /^\/v1\/dashboard\/billing\/usage$/, answer: answerAccountUsage },
    { method: 'GET', path: /^\/v1\/dashboard\/billing\/subscription$/, answer: answerSubscription },
    { method: 'POST', path: /^\/openai\/sk\/log$/, answer: createCallLog(bill) },
  ]
}

function createMidjourneyRoutes(): Route[] {
  const tasks = createMidjourneyTasks()
  const at = (rest: string): RegExp => new RegExp(`${MJ}${rest}$`)
  return [
    { method: 'POST', path: at(`/submit/(${MJ_ACTIONS})`), answer: tasks.submit },
    { method: 'GET', path: at('/task/([^/]+)/fetch'), answer: tasks.fetch },
    { method: 'POST', path: at('/task/list-by-condition'), answer: tasks.listByCondition },
  ]
}

/** Throws a 404 or 405 in OpenAI's shape when no endpoint answers. */
export function findRoute(routes: readonly Route[], method: string, pathname: string): FoundRoute {
  const asked = method === 'HEAD' ? 'GET' : method
  const atPath = routes.filter(({ path }) => path.test(pathname))
  const route = atPath.find((candidate) => candidate.method === asked)
  if (route !== undefined) {
    return { answer: route.answer, params: route.path.exec(pathname)?.slice(1) ?? [] }
  }
  if (ECHO_PATH.test(pathname)) return { answer: answerEcho, params: [] }
  if (atPath.length > 0) {
    throw new DemoError(405, `Not allowed to ${method} on ${pathname}.`, {
      code: 'method_not_supported',
    })
  }
  throw new DemoError(404, `Invalid URL (${method} ${pathname})`, { code: 'unknown_url' })
}
