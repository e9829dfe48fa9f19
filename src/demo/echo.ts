import { type Answer, jsonAnswer } from './answer.ts'
import type { DemoRequest } from './demo-request.ts'

const FAMILIES = [
  'mj',
  'mj-fast/mj',
  'mj-relax/mj',
  'mj-turbo/mj',
  'fast/mj',
  'relax/mj',
  'suno',
  'luma',
  'runway',
  'runwayml',
  'kling',
  'viggle',
  'pro/luma',
  'pro/runway',
  'pro/viggle',
  'ideogram',
  'pika',
  'udio',
  'pixverse',
  'riffusion',
  'sora',
  'veo',
  'plat',
  'fal-ai',
  'v1/files',
  'v1/batches',
  'v1/uploads?',
  'v1/videos',
  'v1/images',
  'v1/chat/completions',
  'v1/responses',
  'v1/organization',
  'v1/fine_tuning',
  'v1/vector_stores',
  'v1/assistants',
  'v1/threads',
  'openai/sk',
]

/** The families the demo knows by name only. */
export const ECHO_PATH = new RegExp(`^/(?:${FAMILIES.join('|')})(?:/|$)`)

/** Any method on such a path: says what was asked. */
export function answerEcho({ method, path }: DemoRequest): Answer {
  return jsonAnswer({ ok: true, path, method })
}
