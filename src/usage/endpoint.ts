import { plainPath } from '../policy/plain-path.ts'

/** How a request is billed. */
export type Endpoint =
  | 'chat'
  | 'completions'
  | 'responses'
  | 'embeddings'
  | 'images'
  | 'speech'
  | 'transcription'
  /** Begins something that is fetched later: Midjourney, Suno and their kin. Billed by the call. */
  | 'task'
  /** Whatever its answer says it used, or else what of text was sent and forwarded. */
  | 'other'
  /** Asks for what was billed before, or for nothing that is billed. */
  | 'free'

const V1_ENDPOINTS: ReadonlyMap<string, Endpoint> = new Map([
  ['/v1/chat/completions', 'chat'],
  ['/v1/completions', 'completions'],
  ['/v1/responses', 'responses'],
  ['/v1/responses/compact', 'responses'],
  ['/v1/embeddings', 'embeddings'],
  ['/v1/images/generations', 'images'],
  ['/v1/images/edits', 'images'],
  ['/v1/images/variations', 'images'],
  ['/v1/audio/speech', 'speech'],
  ['/v1/audio/transcriptions', 'transcription'],
  ['/v1/audio/translations', 'transcription'],
])

/** The first endpoints of OpenAI had the model in their path. */
const ENGINES = /^\/v1\/(?:engines|deployments)\/[^/]+(?=\/)/

/** Videos are tasks under /v1 too. */
const V1_TASKS = /^\/v1\/videos?(?:\/|$)/

/** What providers bill nobody for: moderation, counting beforehand what another call would use, the account's own. */
const V1_FREE =
  /^\/v1\/(?:moderations|messages\/count_tokens|responses\/input_tokens)$|^\/openai\/sk(?:\/|$)/

/** Where other providers answer as a model does, at once: not with a task. */
const TALKS: readonly (readonly [RegExp, Endpoint])[] = [
  [/\/chat\/completions$/, 'chat'],
  [/\/completions$/, 'completions'],
  [/\/responses$/, 'responses'],
  [/\/embeddings$/, 'embeddings'],
  [/\/messages$|:(?:streamGenerateContent|generateContent)$/i, 'other'],
]

/** Midjourney's calls that begin a task. */
const MIDJOURNEY_SUBMIT = /\/(?:submit|insight-face)\//

/** Last segments of calls that ask for tasks by POST, or hand in a file for one. */
const TASK_QUERIES = /\/(?:fetch|feed|query|list|list-by-condition|status|upload|upload-[a-z-]+)$/

/** How a request to a path of a family is billed. */
export function findEndpoint(
  method: string,
  { path, family }: { readonly path: string; readonly family: string },
): Endpoint {
  if (method !== 'POST') return 'free'
  // Another spelling, which an upstream may take for the same, is no cheaper.
  const plain = plainPath(path)
  if (family === 'v1') return findV1Endpoint(plain)
  if (family === 'mj') return MIDJOURNEY_SUBMIT.test(plain) ? 'task' : 'free'
  const talk = TALKS.find(([pattern]) => pattern.test(plain))
  return talk?.[1] ?? (TASK_QUERIES.test(plain) ? 'free' : 'task')
}

function findV1Endpoint(path: string): Endpoint {
  if (V1_FREE.test(path)) return 'free'
  if (V1_TASKS.test(path)) return 'task'
  return V1_ENDPOINTS.get(path.replace(ENGINES, '/v1')) ?? 'other'
}
