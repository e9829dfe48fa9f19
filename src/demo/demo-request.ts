import type { IncomingHttpHeaders } from 'node:http'

import type { ChosenBehaviour } from './behaviours.ts'
import { DemoError } from './demo-error.ts'
import { findField, type MultipartPart, parseMultipart } from './multipart.ts'

export type JsonObject = Readonly<Record<string, unknown>>

/** A request as the endpoints see it: whole, authenticated, its body parsed. */
export interface DemoRequest {
  readonly method: string
  /** With the query. */
  readonly path: string
  readonly headers: IncomingHttpHeaders
  readonly query: URLSearchParams
  /** The captured parts of the path. */
  readonly params: readonly string[]
  readonly requestId: string
  readonly remoteAddress: string
  readonly credential: string
  readonly body: Buffer
  /** Empty unless the body is a JSON object. */
  readonly json: JsonObject
  /** Empty unless the body is a form. */
  readonly form: readonly MultipartPart[]
  /** From the body, the form or the query; empty when none names one. */
  readonly model: string
  readonly behaviour: ChosenBehaviour
}

type ParsedBody = Pick<DemoRequest, 'json' | 'form' | 'model'>

/** Reads the body for what it says it is; throws a 400 when it is not. */
export function parseBody(body: Buffer, contentType: string, query: URLSearchParams): ParsedBody {
  const queryModel = query.get('model') ?? ''
  if (/^multipart\/form-data/i.test(contentType)) {
    const form = parseMultipart(body, contentType)
    if (form === undefined) throw new DemoError(400, 'Could not parse multipart form')
    return { json: {}, form, model: findField(form, 'model') ?? queryModel }
  }
  const isJson = /^application\/json/i.test(contentType)
  if (body.length === 0 || !isJson) return { json: {}, form: [], model: queryModel }
  const json = parseJsonObject(body.toString())
  return { json, form: [], model: findString(json, 'model') ?? queryModel }
}

export function findString(json: JsonObject, name: string): string | undefined {
  const value = json[name]
  return typeof value === 'string' ? value : undefined
}

export function findNumber(json: JsonObject, name: string): number | undefined {
  const value = json[name]
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** The first of the named numbers, as a count of tokens the client allows. */
export function findTokenLimit(json: JsonObject, ...names: string[]): number | undefined {
  for (const name of names) {
    const value = findNumber(json, name)
    if (value !== undefined) return Math.max(0, Math.floor(value))
  }
  return undefined
}

export function requireModel({ model }: DemoRequest): string {
  if (model === '') throw new DemoError(400, 'you must provide a model parameter')
  return model
}

export function missing(param: string): DemoError {
  const details = { param, code: 'missing_required_parameter' }
  return new DemoError(400, `Missing required parameter: '${param}'.`, details)
}

function parseJsonObject(text: string): JsonObject {
  try {
    const value: unknown = JSON.parse(text)
    if (isObject(value)) return value
  } catch {
    // Told below, together with JSON that is no object.
  }
  throw new DemoError(400, 'The body could not be parsed as a JSON object.')
}
