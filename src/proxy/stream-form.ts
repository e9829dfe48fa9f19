import { type KeystowError, toOpenAIError } from '../errors.ts'

/** How a family of event streams ends, and how it tells an error. */
export interface StreamForm {
  /** The frame that ends every stream, as its first line reads; empty when the finish is the end. */
  readonly endMark: string
  readonly endFrame: string
  /** Where these bytes say that the model has said everything; -1 where they do not. */
  readonly findFinish: (chunk: Buffer) => number
  /** The frames that end a stream with an error. */
  readonly errorFrames: (error: KeystowError) => string
}

const CHAT_END_MARK = 'data: [DONE]'
const CHAT_END_FRAME = `${CHAT_END_MARK}\n\n`

const FINISH_REASON = '"finish_reason"'
const QUOTE = 0x22
const COLON = 0x3a
const SPACE = 0x20

/** chatgpt-web ends only on `[DONE]`, and the SDKs raise on the error before it: the one never comes without the other. */
const CHAT_FORM: StreamForm = {
  endMark: CHAT_END_MARK,
  endFrame: CHAT_END_FRAME,
  // Every delta names finish_reason; only the last gives it a text instead of null.
  findFinish(chunk) {
    let at = chunk.indexOf(FINISH_REASON)
    while (at !== -1) {
      let next = at + FINISH_REASON.length
      while (chunk[next] === COLON || chunk[next] === SPACE) next++
      if (chunk[next] === QUOTE) return next
      at = chunk.indexOf(FINISH_REASON, next)
    }
    return -1
  },
  errorFrames: (error) => `data: ${JSON.stringify(toOpenAIError(error))}\n\n${CHAT_END_FRAME}`,
}

/** With their quotes, which stand escaped in a text of the model. */
const RESPONSE_ENDINGS = ['"response.completed"', '"response.incomplete"', '"response.failed"']

/** Named events, on which the SDK raises: https://platform.openai.com/docs/api-reference/responses-streaming */
const RESPONSES_FORM: StreamForm = {
  endMark: '',
  endFrame: '',
  findFinish(chunk) {
    const found = RESPONSE_ENDINGS.map((ending) => chunk.indexOf(ending))
    return found.find((at) => at !== -1) ?? -1
  },
  errorFrames({ code, message, param }) {
    const event = { type: 'error', code, message, param, sequence_number: 0 }
    return `event: error\ndata: ${JSON.stringify(event)}\n\n`
  },
}

/** The form of a path's event streams; undefined where none is known and a break can only be a broken connection. */
export function findStreamForm(path: string): StreamForm | undefined {
  if (path === '/v1/chat/completions' || path === '/v1/completions') return CHAT_FORM
  return path === '/v1/responses' ? RESPONSES_FORM : undefined
}
