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
  /** Whatever its answer says it used. */
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
  if (family === 'v1') return V1_ENDPOINTS.get(plain) ?? 'other'
  const isTask = family === 'mj' ? MIDJOURNEY_SUBMIT.test(plain) : !TASK_QUERIES.test(plain)
  return isTask ? 'task' : 'free'
}
