import { type KeystowError, toOpenAIError } from '../errors.ts'

/** How a family of event streams ends, and how it tells an error. */
export interface StreamForm {
  /** The data of the event that ends every stream; empty when the finish is the end. */
  readonly endMark: string
  readonly endFrame: string
  /** Whether an event of this `type` is the last; undefined where the choices tell when they are finished. */
  readonly isLastType: ((type: string) => boolean) | undefined
  /** Whether its events are numbered. */
  readonly isNumbered: boolean
  /** The event that tells an error, behind these events where they are numbered. */
  readonly errorFrame: (error: KeystowError, before: Buffer) => string
}

/** chatgpt-web ends only on `[DONE]`, and the SDKs raise on the error before it: the one never comes without the other. */
const CHAT_FORM: StreamForm = {
  endMark: '[DONE]',
  endFrame: 'data: [DONE]\n\n',
  isLastType: undefined,
  isNumbered: false,
  errorFrame: (error) => `data: ${JSON.stringify(toOpenAIError(error))}\n\n`,
}

const LAST_TYPES: ReadonlySet<string> = new Set([
  'response.completed',
  'response.incomplete',
  'response.failed',
])

/** Within a string these quotes would stand behind backslashes. */
const SEQUENCE_NUMBER = /"sequence_number":\s*(\d{1,15})/g

/** Of the event behind these: a client that takes the stream up again says after which. */
function nextNumber(events: Buffer): number {
  const last = [...events.toString('latin1').matchAll(SEQUENCE_NUMBER)].at(-1)?.[1]
  return last === undefined ? 0 : Number(last) + 1
}

/** Named events, on which the SDK raises: https://platform.openai.com/docs/api-reference/responses-streaming */
const RESPONSES_FORM: StreamForm = {
  endMark: '',
  endFrame: '',
  isLastType: (type) => LAST_TYPES.has(type),
  isNumbered: true,
  errorFrame({ code, message, param }, before) {
    const event = { type: 'error', code, message, param, sequence_number: nextNumber(before) }
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`
  },
}

/** The form of a path's event streams; undefined where none is known and a break can only be a broken connection. */
export function findStreamForm(path: string): StreamForm | undefined {
  if (path === '/v1/chat/completions' || path === '/v1/completions') return CHAT_FORM
  return path === '/v1/responses' ? RESPONSES_FORM : undefined
}
