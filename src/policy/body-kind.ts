import type { MediaType } from './parameters.ts'

/**
 * How a body is read. `fields`: collected, and its top-level JSON fields read. `parts`: multipart, passed on
 * as it comes unless the client's models have to be checked. `bytes`: passed on as it comes.
 */
export type BodyKind = 'fields' | 'parts' | 'bytes'

const BINARY = /^(?:(?:audio|image|video)\/|application\/(?:sdp|octet-stream|pdf|zip)$)/

/**
 * Anything that is not known to be something else is read as JSON: upstreams parse a body by its endpoint, so
 * a limit on models must not depend on what the client calls its JSON.
 */
export function bodyKind(type: MediaType | undefined): BodyKind {
  if (type === undefined) return 'fields'
  if (type.essence.startsWith('multipart/')) return 'parts'
  return BINARY.test(type.essence) ? 'bytes' : 'fields'
}

/** Whether the client itself says that the body is JSON, so that a body which is not can be refused. */
export const isDeclaredJson = (type: MediaType | undefined): boolean =>
  type !== undefined && /^application\/(?:[\w.+-]*\+)?json$/.test(type.essence)
