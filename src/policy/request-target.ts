import type { Family } from '../proxy/family.ts'
import { isPathWithin } from './path-prefix.ts'

/** Where a request goes, decided once: everything after this looks at `path`, and `path` is what is sent on. */
export interface Target {
  /** The normalised path; it always begins with one slash. */
  readonly path: string
  /** The query as it came, with its question mark, or empty. */
  readonly search: string
  /** The family that forwards it; absent for what Keystow answers itself and for unknown paths. */
  readonly family?: Family | undefined
}

export type ParseTarget = (rawUrl: string) => Target | undefined

/** Where the API's endpoints begin, for base URLs that were given without `/v1`. */
export const ENDPOINTS_WITHOUT_V1: readonly string[] = [
  '/chat/completions',
  '/completions',
  '/responses',
  '/embeddings',
  '/moderations',
  '/models',
  '/images',
  '/audio',
  '/videos',
  '/realtime',
  '/files',
  '/uploads',
  '/batches',
  '/fine_tuning',
  '/vector_stores',
  '/assistants',
  '/threads',
  '/conversations',
  '/containers',
]

const LACKS_V1 = new RegExp(`^(?:${ENDPOINTS_WITHOUT_V1.join('|')})(?:/|$)`)

/** What no path may hold, raw or percent-encoded: controls, backslash, an encoded slash or percent sign. */
const FORBIDDEN = /[^\x21-\x7e]|[\\#]|%(?:[01][0-9a-f]|2f|5c|7f|25)|%(?![0-9a-f]{2})/i

/**
 * What a server may take for a way up or for nothing: `..` anywhere, because some cut a segment at characters of their
 * own, and `.` as a segment, also with the path parameters that others cut off.
 */
const DOTS = /\.\.|\/\.(?:;[^/]*)?(?:\/|$)/

const ENCODED_UNRESERVED = /%(?:2[de]|3[0-9]|[46][1-9a-f]|[57][0-9a]|5f|7e)/gi

/**
 * Builds the function that maps a request target to the one path it means, or to undefined when no path
 * can be read from it: the base URLs that clients are given differ by `/v1`, doubled and trailing slashes.
 */
export function createTargetParser(families: readonly Family[]): ParseTarget {
  const prefixes = families
    .flatMap((family) => family.prefixes.map((prefix) => ({ prefix, family })))
    .toSorted((a, b) => b.prefix.length - a.prefix.length)
  const find = (path: string): Family | undefined =>
    prefixes.find(({ prefix }) => isPathWithin(path, prefix))?.family

  return function parseTarget(rawUrl) {
    const question = rawUrl.indexOf('?')
    const rawPath = question === -1 ? rawUrl : rawUrl.slice(0, question)
    const search = question === -1 ? '' : rawUrl.slice(question)
    const path = normalisePath(rawPath)
    if (path === undefined || !isSearchSafe(search)) return undefined
    const apiPath = completeApiPath(path, find)
    const family = find(apiPath)
    return {
      path: family === undefined ? apiPath : withItsSlash(apiPath, rawPath, family),
      search,
      family,
    }
  }
}

/** Families of a base URL that people get wrong. What others end with is a matter between client and upstream. */
const FORGIVEN: ReadonlySet<string> = new Set(['v1', 'mj'])

/** An upstream that wants a slash at the end redirects whoever leaves it out, and would do so again and again. */
function withItsSlash(path: string, rawPath: string, { name, prefixes }: Family): string {
  const isKept = rawPath.endsWith('/') && !FORGIVEN.has(name) && !prefixes.includes(path)
  return isKept ? `${path}/` : path
}

const isSearchSafe = (search: string): boolean => !search.includes('#')

function normalisePath(rawPath: string): string | undefined {
  // Anything but a path (absolute form, `*`, an authority) could name another host.
  if (rawPath[0] !== '/' || FORBIDDEN.test(rawPath)) return undefined
  const decoded = rawPath.includes('%') ? decodeUnreserved(rawPath) : rawPath
  if (decoded === undefined) return undefined
  const path = decoded.replace('//', '/')
  if (path.includes('//') || DOTS.test(path)) return undefined
  return path.length > 1 && path.endsWith('/') ? path.slice(0, -1) : path
}

/** RFC 3986 section 6.2.2: an encoded unreserved character means the character, so that no check sees another path. */
function decodeUnreserved(path: string): string | undefined {
  try {
    decodeURIComponent(path)
  } catch {
    return undefined
  }
  return path
    .replace(ENCODED_UNRESERVED, (encoded) => decodeURIComponent(encoded))
    .replace(/%[0-9a-f]{2}/gi, (encoded) => encoded.toUpperCase())
}

function completeApiPath(path: string, find: (path: string) => Family | undefined): string {
  let rest = path
  while (isPathWithin(rest, '/v1/v1')) rest = rest.slice('/v1'.length)
  if (LACKS_V1.test(rest)) return `/v1${rest}`
  // A base URL that ends in /v1, given to a client that appends another family's path.
  const afterV1 = isPathWithin(rest, '/v1') ? rest.slice('/v1'.length) : ''
  return afterV1 !== '' && find(afterV1) !== undefined ? afterV1 : rest
}
