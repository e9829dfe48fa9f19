import { createDemandMeter } from '../src/usage/demand.ts'
import { createMeter } from '../src/usage/meter.ts'
import { costOf, type Price } from '../src/usage/price.ts'

/** An event of a chat as OpenAI sends it; `json` is the text of its delta as it stands in JSON. */
export const chatEvent = (json: string, rest = ''): Buffer =>
  Buffer.from(
    `data: {"id":"chatcmpl-0123456789abcdef01234567","object":"chat.completion.chunk","created":1700000000,"model":"gpt-4o-mini","service_tier":"default","system_fingerprint":"fp_0123456789","choices":[{"index":0,"delta":{"content":"${json}"},"logprobs":null,"finish_reason":null}]${rest}}\n\n`,
  )

export const CHAT_ANSWER = JSON.stringify({
  id: 'chatcmpl-1',
  object: 'chat.completion',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Some words. '.repeat(40) } }],
  usage: { prompt_tokens: 10, completion_tokens: 20, total_tokens: 30 },
})

const PRICE: Price = {
  inputPerMillion: 150_000,
  cachedInputPerMillion: 75_000,
  outputPerMillion: 600_000,
  charactersPerMillion: 0,
  perImage: 0,
  perSecond: 0,
  perCall: 0,
}

/** Everything that is metered of a chat which does not stream: demand, answer, usage, price. */
export function meterChat(body: Buffer, answer: Buffer): void {
  const demand = createDemandMeter('chat')
  demand.write(body)
  const meter = createMeter({ endpoint: 'chat', demand: demand.read })
  meter.begin({ status: 200, isEventStream: false, contentType: 'application/json' })
  meter.write(answer)
  costOf(meter.read(true).usage, PRICE)
}
