/**
 * How a body is read. `fields`: collected, and its top-level JSON fields read. `parts`: multipart, passed on
 * as it comes unless the client's models have to be checked. `bytes`: passed on as it comes.
 */
export type BodyKind = 'fields' | 'parts' | 'bytes'

const BINARY = /^(?:(?:audio|image|video)\/|application\/(?:sdp|octet-stream|pdf|zip)\s*(?:;|$))/i

/**
 * Anything that is not known to be something else is read as JSON: upstreams parse a body by its endpoint, so
 * a limit on models must not depend on what the client calls its JSON.
 */
export function bodyKind(contentType: string | undefined): BodyKind {
  if (contentType === undefined) return 'fields'
  if (/^\s*multipart\//i.test(contentType)) return 'parts'
  return BINARY.test(contentType.trim()) ? 'bytes' : 'fields'
}

/** Whether the client itself says that the body is JSON, so that a body which is not can be refused. */
export function isDeclaredJson(contentType: string | undefined): boolean {
  return (
    contentType !== undefined && /^\s*application\/(?:[\w.+-]*\+)?json\s*(?:;|$)/i.test(contentType)
  )
}
