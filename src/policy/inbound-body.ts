import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Readable } from 'node:stream'

import { KeystowError } from '../errors.ts'
import type { BodyAccount, BodyMemory } from '../proxy/body-memory.ts'
import {
  type BodyReading,
  collectBody,
  cutOff,
  declaredLength,
  discardBody,
  hasBody,
  readBody,
  tooLarge,
} from '../proxy/request-body.ts'
import { streamBody } from '../proxy/stream-body.ts'
import type { DemandMeter } from '../usage/demand.ts'
import { type BodyFields, type BodyLayout, createBodyFieldScanner } from './body-fields.ts'
import { ARRAY } from './body-refusals.ts'
import { bodyKind, isDeclaredJson } from './body-kind.ts'
import { readFormFields } from './form-fields.ts'
import { isRead } from './methods.ts'
import { isPlainCharset, type MediaType } from './parameters.ts'

/** A client's body, ready to be sent on as it came. */
export interface InboundBody {
  readonly content: Buffer | Readable | null
  /** Its length in bytes, where it is known; otherwise it is sent in chunks. */
  readonly length?: number
  readonly fields: BodyFields
  /** Of a JSON body. */
  readonly layout?: BodyLayout
  /** What it takes of the memory for bodies, where it was collected. */
  readonly account?: BodyAccount
}

interface InboundBodyOptions {
  /** Undefined when the client does not say it. */
  readonly type: MediaType | undefined
  /** Of a body that is read already. */
  readonly reading: BodyReading | undefined
  readonly limitBytes: number
  readonly memory: BodyMemory
  /** Whether the model must be known before the body is sent on. */
  readonly isModelChecked: boolean
  /** Sees every byte that is sent on. */
  readonly demand: DemandMeter
}

const UNREADABLE_CHARSET =
  'The model cannot be read for sure in the charset of this request. Send it in UTF-8.'
const UNREADABLE_FORM =
  'The model cannot be read for sure in this form. Send multipart/form-data as RFC 7578 says: lines that end in CRLF, each field once and as it is, nothing before the first delimiter or behind the last.'

const NO_BODY: InboundBody = { content: null, fields: {} }

/** Reads from a body what policy needs, and no more: JSON is collected, uploads pass through as they come. */
export async function readInboundBody(
  request: IncomingMessage,
  response: ServerResponse,
  options: InboundBodyOptions,
): Promise<InboundBody> {
  if (!hasBody(request)) return NO_BODY
  // It left while the limits were asked, and its body may have come whole.
  if (response.destroyed) throw cutOff()
  const length = declaredLength(request)
  if (length !== undefined && length > options.limitBytes) throw tooLarge(options.limitBytes)
  // A client that waits for the word to go on has by now passed identity and limits.
  if (request.headers.expect !== undefined && request.httpVersion !== '1.0')
    response.writeContinue()
  if (isRead(request.method)) {
    // Some clients send "{}" with every GET; it has no meaning there (RFC 9110 section 9.3.1).
    discardBody(request, options.limitBytes)
    return NO_BODY
  }
  const kind = bodyKind(options.type)
  if (kind !== 'fields' && isCoded(request)) throw codedBody()
  if (kind === 'fields' || (kind === 'parts' && options.isModelChecked)) {
    const account = options.memory.open()
    // It is kept until then, to be sent again where it may be.
    response.on('close', () => account.release())
    const bounds = { ...options, account }
    return kind === 'fields' ? readFields(request, bounds) : readParts(request, bounds)
  }
  const bounds = { ...options, account: options.memory.open() }
  const content = streamBody(request, bounds, options.demand.write)
  // Where it still waits to be sent, nobody else knows that it need not.
  response.on('close', () => content.destroy())
  return { content, fields: {}, ...(length !== undefined && { length }) }
}

type CollectOptions = InboundBodyOptions & { readonly account: BodyAccount }

async function readFields(request: IncomingMessage, options: CollectOptions): Promise<InboundBody> {
  const { type, isModelChecked } = options
  if (isModelChecked && !isPlainCharset(type?.charset)) throw invalidBody(UNREADABLE_CHARSET)
  const mustBeJson = isModelChecked || isDeclaredJson(type)
  // A list names no model, whatever reads it.
  const refuse = (problem: string): void => {
    if (isCoded(request)) throw codedBody()
    if (mustBeJson && (isModelChecked || problem !== ARRAY)) throw invalidBody(problem)
  }
  const scanner = createBodyFieldScanner()
  const { reading = readBody(request) } = options
  const content = await collectBody(reading, options, (chunk) => {
    const problem = scanner.write(chunk)
    options.demand.write(chunk)
    if (problem !== undefined) refuse(problem)
  })
  // A chunked body may turn out to be none.
  if (content.length === 0) return { content, length: 0, fields: {} }
  const fields = scanner.end()
  if (typeof fields !== 'string') {
    const layout = scanner.layout()
    return { content, length: content.length, fields, layout, account: options.account }
  }
  refuse(fields)
  return { content, length: content.length, fields: {} }
}

async function readParts(request: IncomingMessage, options: CollectOptions): Promise<InboundBody> {
  const { reading = readBody(request) } = options
  const content = await collectBody(reading, options, options.demand.write)
  const fields = options.type && readFormFields(content, options.type)
  if (fields === undefined) throw invalidBody(UNREADABLE_FORM)
  const model = fields.get('model')
  return { content, length: content.length, fields: model === undefined ? {} : { model } }
}

/** Its Content-Encoding stays here, so that what it says has to be true without it. */
function isCoded({ headers }: IncomingMessage): boolean {
  const coding = headers['content-encoding']?.trim() ?? ''
  return coding !== '' && coding.toLowerCase() !== 'identity'
}

const codedBody = (): KeystowError =>
  new KeystowError('unsupportedMediaType', {
    message:
      'The request body is compressed, and the Content-Encoding of a request is not read here. Send it as it is.',
    headers: { 'accept-encoding': 'identity' },
  })

const invalidBody = (message: string): KeystowError => new KeystowError('invalidBody', { message })
