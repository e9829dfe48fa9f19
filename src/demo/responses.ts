import { randomBytes } from 'node:crypto'

import { type Answer, eventText, type Frame, jsonAnswer } from './answer.ts'
import {
  type DemoRequest,
  findString,
  findTokenLimit,
  isObject,
  missing,
  requireModel,
} from './demo-request.ts'
import { collectReply, createReply, type Reply } from './reply.ts'
import { type InputUsage, measureMessages, readContent, reasoningTokensOf } from './usage.ts'

/** The closing events repeat the text; of a very long one only this much, so that it is never all in memory. */
const MAX_REPEATED_CHARACTERS = 1024 * 1024

interface ModelResponse {
  readonly id: string
  readonly itemId: string
  readonly createdAt: number
  readonly model: string
  readonly input: InputUsage
  readonly reasoningTokens: number
  readonly reply: Reply
}

type Emit = (type: string, payload: Readonly<Record<string, unknown>>) => string

/** POST /v1/responses */
export function answerResponse(request: DemoRequest): Answer {
  const model = requireModel(request)
  const { json, behaviour, credential } = request
  const messages = readInput(request)
  const last = messages.at(-1)
  const response: ModelResponse = {
    id: `resp_${randomBytes(24).toString('hex')}`,
    itemId: `msg_${randomBytes(24).toString('hex')}`,
    createdAt: Math.floor(Date.now() / 1000),
    model,
    input: measureMessages(
      [json['instructions'], ...messages].filter((item) => item !== undefined),
    ),
    reasoningTokens: reasoningTokensOf(model),
    reply: createReply({
      prompt: readContent(isObject(last) ? last['content'] : last),
      model,
      limit: findTokenLimit(json, 'max_output_tokens'),
      behaviour,
      credential,
    }),
  }
  const { input, reasoningTokens, reply } = response
  const charge = { model, ...input, reasoningTokens }
  if (json['stream'] === true) return { kind: 'stream', charge, frames: responseFrames(response) }
  const said = collectReply(reply)
  const outputTokens = said.outputTokens + reasoningTokens
  const body = buildFinished(response, said.text, outputTokens)
  return jsonAnswer(body, { charge: { ...charge, outputTokens } })
}

function readInput({ json }: DemoRequest): unknown[] {
  const text = findString(json, 'input')
  if (text !== undefined) return [{ role: 'user', content: text }]
  const { input } = json
  if (!Array.isArray(input) || input.length === 0) throw missing('input')
  return input
}

function* responseFrames(response: ModelResponse): Generator<Frame> {
  const { reasoningTokens, reply } = response
  const emit = createEmit()
  let repeated = ''
  let outputTokens = reasoningTokens
  yield* openingFrames(response, emit)
  for (const piece of reply.pieces) {
    outputTokens += piece.outputTokens
    if (repeated.length < MAX_REPEATED_CHARACTERS) repeated += piece.text
    const delta = { ...partOf(response), delta: piece.text, logprobs: [] }
    const text = emit('response.output_text.delta', delta)
    yield { text, kind: 'delta', outputTokens: piece.outputTokens }
  }
  yield* closingFrames(response, emit, { text: repeated, outputTokens })
}

/** Numbers the events of one stream. */
function createEmit(): Emit {
  let sequenceNumber = 0
  return (type, payload) => eventText({ type, sequence_number: sequenceNumber++, ...payload }, type)
}

function* openingFrames(response: ModelResponse, emit: Emit): Generator<Frame> {
  const { itemId, reasoningTokens } = response
  const started = { response: buildResponse(response, 'in_progress', []) }
  const item = {
    id: itemId,
    type: 'message',
    status: 'in_progress',
    role: 'assistant',
    content: [],
  }
  const part = { type: 'output_text', text: '', annotations: [], logprobs: [] }
  const texts = [
    emit('response.created', started),
    emit('response.in_progress', started),
    emit('response.output_item.added', { output_index: 0, item }),
    emit('response.content_part.added', { ...partOf(response), part }),
  ]
  for (const [index, text] of texts.entries()) {
    yield { text, kind: 'open', outputTokens: index === 0 ? reasoningTokens : 0 }
  }
}

function* closingFrames(
  response: ModelResponse,
  emit: Emit,
  { text, outputTokens }: { text: string; outputTokens: number },
): Generator<Frame> {
  const finished = buildFinished(response, text, outputTokens)
  const [item] = finished.output
  const part = { type: 'output_text', text, annotations: [], logprobs: [] }
  const texts = [
    emit('response.output_text.done', { ...partOf(response), text, logprobs: [] }),
    emit('response.content_part.done', { ...partOf(response), part }),
    emit('response.output_item.done', { output_index: 0, item }),
    emit(`response.${finished.status}`, { response: finished }),
  ]
  for (const closing of texts) yield { text: closing, kind: 'end', outputTokens: 0 }
}

function partOf({ itemId }: ModelResponse) {
  return { item_id: itemId, output_index: 0, content_index: 0 }
}

function buildFinished(response: ModelResponse, text: string, outputTokens: number) {
  const { input, reasoningTokens, reply, itemId } = response
  const cut = reply.finishReason === 'length'
  const status = cut ? 'incomplete' : 'completed'
  const content = [{ type: 'output_text', text, annotations: [], logprobs: [] }]
  const item = { id: itemId, type: 'message', status, role: 'assistant', content }
  const usage = {
    input_tokens: input.inputTokens,
    input_tokens_details: { cached_tokens: input.cachedTokens },
    output_tokens: outputTokens,
    output_tokens_details: { reasoning_tokens: reasoningTokens },
    total_tokens: input.inputTokens + outputTokens,
  }
  const incomplete = cut ? { reason: 'max_output_tokens' } : null
  return { ...buildResponse(response, status, [item]), incomplete_details: incomplete, usage }
}

function buildResponse<Item>(
  { id, createdAt, model }: ModelResponse,
  status: string,
  output: Item[],
) {
  return {
    id,
    object: 'response',
    created_at: createdAt,
    status,
    error: null,
    incomplete_details: null as { reason: string } | null,
    instructions: null,
    metadata: {},
    model,
    output,
    parallel_tool_calls: true,
    previous_response_id: null,
    store: true,
    temperature: 1,
    text: { format: { type: 'text' } },
    tool_choice: 'auto',
    tools: [],
    top_p: 1,
    truncation: 'disabled',
    usage: null as unknown,
  }
}
