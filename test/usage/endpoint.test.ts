import { describe, expect, it } from 'vitest'

import { type Endpoint, findEndpoint } from '../../src/usage/endpoint.ts'

describe('an endpoint', () => {
  it.each<[string, string, string, Endpoint]>([
    ['POST', '/v1/chat/completions', 'v1', 'chat'],
    ['POST', '/v1/completions', 'v1', 'completions'],
    ['POST', '/v1/responses', 'v1', 'responses'],
    ['POST', '/v1/responses/compact', 'v1', 'responses'],
    ['POST', '/v1/responses/input_tokens', 'v1', 'free'],
    ['POST', '/v1/messages', 'v1', 'other'],
    ['POST', '/v1/messages/count_tokens', 'v1', 'free'],
    ['POST', '/v1/rerank', 'v1', 'other'],
    ['POST', '/v1/engines/x/completions', 'v1', 'completions'],
    ['POST', '/v1/Engines/x;a/embeddings', 'v1', 'embeddings'],
    ['POST', '/v1/engines/x/edits', 'v1', 'other'],
    ['POST', '/v1/videos', 'v1', 'task'],
    ['POST', '/openai/sk/log', 'v1', 'free'],
    ['POST', '/v1/embeddings', 'v1', 'embeddings'],
    ['POST', '/v1/images/edits', 'v1', 'images'],
    ['POST', '/v1/audio/speech', 'v1', 'speech'],
    ['POST', '/v1/audio/translations', 'v1', 'transcription'],
    ['POST', '/v1/audio/speech%20', 'v1', 'speech'],
    ['POST', '/v1/Images/generations;a=b', 'v1', 'images'],
    ['POST', '/mj/submit;a/imagine', 'mj', 'task'],
    ['POST', '/v1/moderations', 'v1', 'free'],
    ['GET', '/v1/models', 'v1', 'free'],
    ['GET', '/v1/chat/completions', 'v1', 'free'],
    ['DELETE', '/v1/videos/1', 'v1', 'free'],
    ['POST', '/mj/submit/imagine', 'mj', 'task'],
    ['POST', '/mj-fast/mj/submit/change', 'mj', 'task'],
    ['POST', '/mj/insight-face/swap', 'mj', 'task'],
    ['GET', '/mj/task/1/fetch', 'mj', 'free'],
    ['POST', '/mj/task/list-by-condition', 'mj', 'free'],
    ['POST', '/suno/submit/music', 'suno', 'task'],
    ['POST', '/suno/fetch', 'suno', 'free'],
    ['POST', '/luma/generations', 'luma', 'task'],
    ['POST', '/runwayml/v1/image_to_video', 'runway', 'task'],
    ['GET', '/luma/generations/1', 'luma', 'free'],
    ['POST', '/elsewhere/v1/chat/completions', 'elsewhere', 'chat'],
    ['POST', '/elsewhere/v1/embeddings', 'elsewhere', 'embeddings'],
    ['POST', '/claude/v1/messages', 'claude', 'other'],
    ['POST', '/gemini/v1beta/models/x:streamGenerateContent', 'gemini', 'other'],
    ['POST', '/kling/v1/images/generations', 'kling', 'task'],
  ])('of %s %s is billed by its kind', (method, path, family, endpoint) => {
    expect(findEndpoint(method, { path, family })).toBe(endpoint)
  })
})
