import { randomBytes } from 'node:crypto'

import { type Answer, eventText, type Frame, jsonAnswer } from './answer.ts'
import { buildUsage, countChoices, DONE_FRAME, wantsUsage } from './chat.ts'
import { type DemoRequest, findTokenLimit, missing, requireModel } from './demo-request.ts'
import { collectReply, createReply, type Reply } from './reply.ts'
import { type InputUsage, measureInput } from './usage.ts'

/** OpenAI's own default for the legacy endpoint is 16; the demo's answer is longer than that. */
const DEFAULT_MAX_TOKENS = 200

interface Completion {
  readonly head: {
    readonly id: string
    readonly object: string
    readonly created: number
    readonly model: string
  }
  readonly input: InputUsage
  readonly choices: number
  readonly reply: () => Reply
}

/** POST /v1/completions, the legacy endpoint. */
export function answerCompletion(request: DemoRequest): Answer {
  const model = requireModel(request)
  const { json, behaviour, credential } = request
  const { prompt } = json
  if (prompt === undefined) throw missing('prompt')
  const first: unknown = Array.isArray(prompt) ? prompt[0] : prompt
  const text = typeof first === 'string' ? first : ''
  const limit = findTokenLimit(json, 'max_tokens') ?? DEFAULT_MAX_TOKENS
  const completion: Completion = {
    head: {
      id: `cmpl-${randomBytes(12).toString('hex')}`,
      object: 'text_completion',
      created: Math.floor(Date.now() / 1000),
      model,
    },
    input: measureInput(prompt),
    choices: countChoices(request),
    reply: () => createReply({ prompt: text, model, limit, behaviour, credential }),
  }
  const charge = { model, ...completion.input }
  if (json['stream'] === true) {
    return { kind: 'stream', charge, frames: completionFrames(completion, wantsUsage(request)) }
  }
  const { body, outputTokens } = buildBody(completion)
  return jsonAnswer(body, { charge: { ...charge, outputTokens } })
}

function buildBody({ head, input, reply, choices }: Completion) {
  let outputTokens = 0
  const said = Array.from({ length: choices }, (_, index) => {
    const answer = reply()
    const piece = collectReply(answer)
    outputTokens += piece.outputTokens
    return { text: piece.text, index, logprobs: null, finish_reason: answer.finishReason }
  })
  const body = { ...head, choices: said, usage: buildUsage(input, outputTokens, 0) }
  return { body, outputTokens }
}

function* completionFrames(completion: Completion, withUsage: boolean): Generator<Frame> {
  const { head, input } = completion
  const chunk = (index: number, text: string, finishReason: string | null): string =>
    eventText({ ...head, choices: [{ text, index, logprobs: null, finish_reason: finishReason }] })
  let total = 0
  for (let index = 0; index < completion.choices; index++) {
    const { pieces, finishReason } = completion.reply()
    for (const { text, outputTokens } of pieces) {
      total += outputTokens
      yield { text: chunk(index, text, null), kind: 'delta', outputTokens }
    }
    yield { text: chunk(index, '', finishReason), kind: 'end', outputTokens: 0 }
  }
  if (withUsage) {
    const text = eventText({ ...head, choices: [], usage: buildUsage(input, total, 0) })
    yield { text, kind: 'end', outputTokens: 0 }
  }
  yield DONE_FRAME
}
