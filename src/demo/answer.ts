/** What generating an answer used; the bill and the call log are written from it. */
export interface Charge {
  readonly model: string
  readonly inputTokens: number
  readonly cachedTokens?: number
  /** Left out for a stream: its frames carry what each of them generated. */
  readonly outputTokens?: number
  readonly reasoningTokens?: number
  readonly images?: number
  readonly characters?: number
  readonly audioSeconds?: number
}

/** One server-sent event. */
export interface Frame {
  readonly text: string
  /** Faults count deltas; an end is whatever stands after the last of them. */
  readonly kind: 'open' | 'delta' | 'end'
  readonly outputTokens: number
}

export interface BodyAnswer {
  readonly kind: 'body'
  readonly status: number
  /** Undefined sends none, as the reseller's gateway does. */
  readonly contentType: string | undefined
  readonly body: Buffer
  readonly headers?: Readonly<Record<string, string>>
  readonly charge?: Charge
}

export interface StreamAnswer {
  readonly kind: 'stream'
  /** Made while they are sent, so that a long answer is never in memory. */
  readonly frames: Iterable<Frame>
  readonly charge: Charge
}

/** What an endpoint says; how it travels is the behaviour's affair. */
export type Answer = BodyAnswer | StreamAnswer

type BodyDetails = Partial<Pick<BodyAnswer, 'status' | 'headers' | 'charge' | 'contentType'>>

export function jsonAnswer(value: unknown, details: BodyDetails = {}): BodyAnswer {
  return textAnswer(JSON.stringify(value), { contentType: 'application/json', ...details })
}

export function textAnswer(text: string, details: BodyDetails = {}): BodyAnswer {
  return bytesAnswer(Buffer.from(text), { contentType: 'text/plain; charset=utf-8', ...details })
}

export function bytesAnswer(body: Buffer, details: BodyDetails): BodyAnswer {
  return { kind: 'body', status: 200, contentType: 'application/octet-stream', body, ...details }
}

/** An event with a JSON payload; `event` names it, as `/v1/responses` does. */
export function eventText(payload: unknown, event?: string): string {
  const name = event === undefined ? '' : `event: ${event}\n`
  return `${name}data: ${JSON.stringify(payload)}\n\n`
}
