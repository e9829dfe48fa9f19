import { randomBytes } from 'node:crypto'

import { type Answer, eventText, type Frame, jsonAnswer } from './answer.ts'
import {
  type DemoRequest,
  findNumber,
  findTokenLimit,
  isObject,
  missing,
  requireModel,
} from './demo-request.ts'
import { collectReply, createReply, type Reply } from './reply.ts'
import { type InputUsage, measureMessages, readContent, reasoningTokensOf } from './usage.ts'

const MAX_CHOICES = 16
export const DONE_FRAME: Frame = { text: 'data: [DONE]\n\n', kind: 'end', outputTokens: 0 }

/** What all chunks of one answer share. */
interface Completion {
  readonly id: string
  readonly model: string
  readonly created: number
  readonly input: InputUsage
  readonly reasoningTokens: number
  readonly choices: number
  readonly reply: () => Reply
}

/** POST /v1/chat/completions */
export function answerChat(request: DemoRequest): Answer {
  const model = requireModel(request)
  const { messages } = request.json
  if (!Array.isArray(messages) || messages.length === 0) throw missing('messages')
  const completion: Completion = {
    id: `chatcmpl-${randomBytes(12).toString('hex')}`,
    model,
    created: Math.floor(Date.now() / 1000),
    input: measureMessages(messages as unknown[]),
    reasoningTokens: reasoningTokensOf(model),
    choices: countChoices(request),
    reply: () => createChatReply(request, messages.at(-1)),
  }
  const { input, reasoningTokens } = completion
  const charge = { model, ...input, reasoningTokens }
  if (request.json['stream'] === true) {
    return { kind: 'stream', charge, frames: chatFrames(completion, wantsUsage(request)) }
  }
  const { body, outputTokens } = buildChatBody(completion)
  return jsonAnswer(body, { charge: { ...charge, outputTokens } })
}

export function wantsUsage({ json }: DemoRequest): boolean {
  const options = json['stream_options']
  return isObject(options) && options['include_usage'] === true
}

export function countChoices({ json }: DemoRequest): number {
  return Math.min(Math.max(1, Math.floor(findNumber(json, 'n') ?? 1)), MAX_CHOICES)
}

/** The usage object of chat and of legacy completions. */
export function buildUsage(input: InputUsage, outputTokens: number, reasoningTokens: number) {
  return {
    prompt_tokens: input.inputTokens,
    completion_tokens: outputTokens,
    total_tokens: input.inputTokens + outputTokens,
    prompt_tokens_details: { cached_tokens: input.cachedTokens, audio_tokens: 0 },
    completion_tokens_details: {
      reasoning_tokens: reasoningTokens,
      audio_tokens: 0,
      accepted_prediction_tokens: 0,
      rejected_prediction_tokens: 0,
    },
  }
}

function createChatReply(
  { json, model, behaviour, credential }: DemoRequest,
  last: unknown,
): Reply {
  const prompt = readContent(isObject(last) ? last['content'] : undefined)
  const limit = findTokenLimit(json, 'max_completion_tokens', 'max_tokens')
  return createReply({ prompt, model, limit, behaviour, credential })
}

function buildChatBody(completion: Completion) {
  const { id, created, model, input, reasoningTokens } = completion
  let outputTokens = reasoningTokens
  const choices = Array.from({ length: completion.choices }, (_, index) => {
    const reply = completion.reply()
    const said = collectReply(reply)
    outputTokens += said.outputTokens
    const message = { role: 'assistant', content: said.text, refusal: null, annotations: [] }
    return { index, message, logprobs: null, finish_reason: reply.finishReason }
  })
  const usage = buildUsage(input, outputTokens, reasoningTokens)
  const rest = { choices, usage, service_tier: 'default', system_fingerprint: 'fp_demo' }
  return { outputTokens, body: { id, object: 'chat.completion', created, model, ...rest } }
}

function* chatFrames(completion: Completion, withUsage: boolean): Generator<Frame> {
  const { id, created, model, input, reasoningTokens } = completion
  const head = { id, object: 'chat.completion.chunk', created, model, service_tier: 'default' }
  const rest = { system_fingerprint: 'fp_demo', ...(withUsage ? { usage: null } : {}) }
  const chunk = (index: number, delta: unknown, finishReason: string | null): string => {
    const choices = [{ index, delta, logprobs: null, finish_reason: finishReason }]
    return eventText({ ...head, ...rest, choices })
  }
  let outputTokens = reasoningTokens
  for (let index = 0; index < completion.choices; index++) {
    const reply = completion.reply()
    const opening = { role: 'assistant', content: '', refusal: null }
    const spent = index === 0 ? reasoningTokens : 0
    yield { text: chunk(index, opening, null), kind: 'open', outputTokens: spent }
    for (const piece of reply.pieces) {
      outputTokens += piece.outputTokens
      const text = chunk(index, { content: piece.text }, null)
      yield { text, kind: 'delta', outputTokens: piece.outputTokens }
    }
    yield { text: chunk(index, {}, reply.finishReason), kind: 'end', outputTokens: 0 }
  }
  if (withUsage) {
    const usage = buildUsage(input, outputTokens, reasoningTokens)
    yield {
      text: eventText({ ...head, ...rest, choices: [], usage }),
      kind: 'end',
      outputTokens: 0,
    }
  }
  yield DONE_FRAME
}
