import { type BodyAnswer, jsonAnswer } from './answer.ts'

interface DemoErrorDetails {
  readonly type?: string
  readonly param?: string | null
  readonly code?: string | null
}

/** Thrown by an endpoint; answered in OpenAI's shape. */
export class DemoError extends Error {
  override readonly name = 'DemoError' as const
  readonly status: number
  readonly details: DemoErrorDetails

  constructor(status: number, message: string, details: DemoErrorDetails = {}) {
    super(message)
    this.status = status
    this.details = details
  }
}

const RATE_LIMIT_HEADERS = {
  'retry-after': '2',
  'x-ratelimit-limit-requests': '60',
  'x-ratelimit-remaining-requests': '0',
  'x-ratelimit-reset-requests': '2s',
}

const STATUS_ERRORS: Readonly<Record<number, DemoErrorDetails & { message: string }>> = {
  400: { message: 'The request is malformed.', code: 'bad_request' },
  401: { message: 'The key is not valid any more.', code: 'invalid_api_key' },
  403: { message: 'The project may not use this model.', code: 'model_not_allowed' },
  404: { message: 'The model does not exist.', code: 'model_not_found', param: 'model' },
  409: { message: 'The resource was changed meanwhile.', code: 'conflict' },
  422: { message: 'The request is well formed but cannot be carried out.', code: 'unprocessable' },
  429: {
    message: 'Rate limit reached for requests per minute. Try again in 2s.',
    type: 'requests',
    code: 'rate_limit_exceeded',
  },
  500: { message: 'The server had an error.', type: 'server_error', code: 'internal_error' },
  503: { message: 'The engine is overloaded.', type: 'server_error', code: 'overloaded' },
}

export function errorAnswer({ status, message, details }: DemoError): BodyAnswer {
  const type = details.type ?? (status >= 500 ? 'server_error' : 'invalid_request_error')
  const error = { message, type, param: details.param ?? null, code: details.code ?? null }
  return jsonAnswer({ error }, { status })
}

/** The answer of `demo-status-<code>`; a number that is no error status counts as 500. */
export function statusAnswer(requested: number): BodyAnswer {
  const status = requested >= 400 && requested <= 599 ? requested : 500
  if (status === 428) return resellerAnswer()
  const { message, ...details } = STATUS_ERRORS[status] ?? { message: `Status ${status} as asked.` }
  const answer = errorAnswer(new DemoError(status, message, details))
  return status === 429 ? { ...answer, headers: RATE_LIMIT_HEADERS } : answer
}

/** The reseller's gateway answers its own failures with 428 and names no content-type. */
function resellerAnswer(): BodyAnswer {
  const error = {
    message: 'HK KEY ERROR: the key is unknown, spent or not allowed from this address',
    type: 'openai_hk_error',
    code: 'gate_way_error',
  }
  return jsonAnswer({ error }, { status: 428, contentType: undefined })
}
