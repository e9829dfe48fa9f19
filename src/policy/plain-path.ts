/** What upstreams leave out at the end of a segment: its parameters (RFC 3986 section 3.3), white space, dots. */
const LEFT_OUT = /;.*$|^[\s\u200b]+|[\s\u200b.]+$/g

const IS_PLAIN = /^(?:\/[a-z0-9_-]+)+$/

/**
 * A path as the upstream that reads it most kindly does: percent-encoding, letter case, and what is left out of
 * segments gone. For decisions only; what is forwarded is the path itself.
 */
export function plainPath(path: string): string {
  if (IS_PLAIN.test(path)) return path
  const segments = decode(path)
    .toLowerCase()
    .split('/')
    .map((segment) => strip(segment))
    .filter((segment) => segment !== '')
  return `/${segments.join('/')}`
}

/** Again, because what stands before parameters may be white space. */
function strip(segment: string): string {
  const stripped = segment.replaceAll(LEFT_OUT, '')
  return stripped === segment ? segment : strip(stripped)
}

/** A path that was routed has no encoding that is none. */
function decode(path: string): string {
  try {
    return decodeURIComponent(path)
  } catch {
    return path
  }
}
