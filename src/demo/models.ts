import { type Answer, jsonAnswer } from './answer.ts'
import type { DemoRequest } from './demo-request.ts'

/** The ordinary models that GET /v1/models lists. Any other name is answered like one of them. */
export const ORDINARY_MODELS = [
  'gpt-3.5-turbo',
  'gpt-3.5-turbo-0613',
  'gpt-3.5-turbo-1106',
  'gpt-3.5-turbo-16k-0613',
  'gpt-3.5-turbo-instruct',
  'gpt-4',
  'gpt-4-0613',
  'gpt-4-1106-preview',
  'gpt-4-vision-preview',
  'gpt-4o',
  'gpt-4o-mini',
  'gpt-5',
  'o1',
  'o3-mini',
  'text-embedding-ada-002',
  'text-embedding-3-small',
  'text-embedding-3-large',
  'omni-moderation-latest',
  'whisper-1',
  'tts-1',
  'tts-1-hd',
  'dall-e-2',
  'dall-e-3',
  'gpt-image-1',
  'gpt-4o-realtime-preview',
] as const

const CREATED = 1_700_000_000

/** GET /v1/models */
export function answerModelList(): Answer {
  return jsonAnswer({ object: 'list', data: ORDINARY_MODELS.map(buildModel) })
}

/** GET /v1/models/:id; any name is known, as it is to the endpoints that generate. */
export function answerModel({ params }: DemoRequest): Answer {
  return jsonAnswer(buildModel(params[0] ?? ''))
}

function buildModel(id: string) {
  return { id, object: 'model', created: CREATED, owned_by: 'demo-upstream' }
}
