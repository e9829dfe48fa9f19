/** What Keystow answers itself: status, OpenAI's `type` and `code`, and a message that says what to do next. */
interface ErrorCase {
  readonly status: number
  readonly type: string
  readonly code: string
  readonly message: string
}

/** Every answer Keystow makes up itself; nobody else builds an error body. */
export const ERROR_CASES = {
  badRequest: {
    status: 400,
    type: 'invalid_request_error',
    code: 'bad_request',
    message: 'The request could not be understood. Check how it is formed and send it again.',
  },
  invalidPath: {
    status: 400,
    type: 'invalid_request_error',
    code: 'invalid_path',
    message:
      'The path is not one that can be forwarded. Send it without "..", encoded slashes or backslashes, control characters or doubled slashes.',
  },
  invalidBody: {
    status: 400,
    type: 'invalid_request_error',
    code: 'invalid_body',
    message: 'The request body is not one complete JSON object. Check it and send it again.',
  },
  invalidApiKey: {
    status: 401,
    type: 'invalid_request_error',
    code: 'invalid_api_key',
    message:
      'Incorrect API key provided. Send a client token that this server issued as "Authorization: Bearer <token>".',
  },
  notAllowed: {
    status: 403,
    type: 'invalid_request_error',
    code: 'not_allowed',
    message: 'This client may not do that. Ask the operator of this server.',
  },
  unknownUrl: {
    status: 404,
    type: 'invalid_request_error',
    code: 'unknown_url',
    message:
      'There is nothing at this path. The API is under /v1, for example /v1/chat/completions.',
  },
  methodNotAllowed: {
    status: 405,
    type: 'invalid_request_error',
    code: 'method_not_allowed',
    message: 'This method is not allowed here. Use GET, HEAD, POST, PUT, PATCH or DELETE.',
  },
  requestTimeout: {
    status: 408,
    type: 'invalid_request_error',
    code: 'request_timeout',
    message: 'The request did not arrive in time. Send it again.',
  },
  requestTooLarge: {
    status: 413,
    type: 'invalid_request_error',
    code: 'request_too_large',
    message: 'The request body is larger than this server takes. Send a smaller one.',
  },
  unsupportedMediaType: {
    status: 415,
    type: 'invalid_request_error',
    code: 'unsupported_media_type',
    message:
      'The Content-Type can be read in more ways than one, or in none. Send one type with each parameter once, such as application/json, or multipart/form-data with one boundary.',
  },
  expectationFailed: {
    status: 417,
    type: 'invalid_request_error',
    code: 'expectation_failed',
    message: 'Only "Expect: 100-continue" is understood. Send the request without the header.',
  },
  rateLimited: {
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    message:
      'Too many requests in this minute. Wait for the time in retry-after and send it again.',
  },
  tooManyInFlight: {
    status: 429,
    type: 'rate_limit_error',
    code: 'rate_limit_exceeded',
    message: 'Too many requests of this client are running. Send it again when one has ended.',
  },
  budgetExceeded: {
    status: 429,
    type: 'insufficient_quota',
    code: 'budget_exceeded',
    message: 'The budget for this request is spent. Ask the operator of this server.',
  },
  headersTooLarge: {
    status: 431,
    type: 'invalid_request_error',
    code: 'headers_too_large',
    message: 'The request headers are larger than this server takes. Send fewer or shorter ones.',
  },
  internalError: {
    status: 500,
    type: 'server_error',
    code: 'internal_error',
    message: 'Something went wrong in this server. The x-request-id header finds it in the log.',
  },
  upstreamUnavailable: {
    status: 502,
    type: 'server_error',
    code: 'upstream_unavailable',
    message: 'The upstream could not be reached or broke off its answer. Send the request again.',
  },
  draining: {
    status: 503,
    type: 'server_error',
    code: 'draining',
    message: 'This server is shutting down. Send the request again in a moment.',
  },
  overloaded: {
    status: 503,
    type: 'server_error',
    code: 'overloaded',
    message: 'This server has more to do than it can. Send the request again in a moment.',
  },
  storeUnavailable: {
    status: 503,
    type: 'server_error',
    code: 'store_unavailable',
    message: 'The store that keeps the limits is away. Send the request again in a moment.',
  },
  upstreamTimeout: {
    status: 504,
    type: 'server_error',
    code: 'upstream_timeout',
    message: 'The upstream did not answer in time. Send the request again.',
  },
} as const satisfies Record<string, ErrorCase>

export type ErrorName = keyof typeof ERROR_CASES

interface ErrorDetails {
  /** Says more than the table's message; shown to the client, so it never holds a cause or a secret. */
  readonly message?: string
  readonly param?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly cause?: unknown
}

/** The one error that Keystow's own code throws at a client. */
export class KeystowError extends Error {
  override readonly name = 'KeystowError' as const
  readonly status: number
  readonly type: string
  readonly code: string
  readonly param: string | null
  readonly headers: Readonly<Record<string, string>>

  constructor(name: ErrorName, details: ErrorDetails = {}) {
    const found = ERROR_CASES[name]
    super(details.message ?? found.message, { cause: details.cause })
    this.status = found.status
    this.type = found.type
    this.code = found.code
    this.param = details.param ?? null
    this.headers = details.headers ?? {}
  }
}

/** OpenAI's error body, the four fields the SDKs read: https://platform.openai.com/docs/guides/error-codes */
export interface OpenAIErrorBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
  }
}

export function toOpenAIError({ message, type, param, code }: KeystowError): OpenAIErrorBody {
  return { error: { message, type, param, code } }
}
