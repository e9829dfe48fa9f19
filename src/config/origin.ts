import { BlockList, isIP } from 'node:net'

const LOOPBACK = new BlockList()
LOOPBACK.addSubnet('127.0.0.0', 8, 'ipv4')
LOOPBACK.addAddress('::1', 'ipv6')

/** Private and link-local ranges: RFC 1918, RFC 4193, RFC 3927, RFC 6598. */
const PRIVATE = new BlockList()
PRIVATE.addSubnet('10.0.0.0', 8, 'ipv4')
PRIVATE.addSubnet('172.16.0.0', 12, 'ipv4')
PRIVATE.addSubnet('192.168.0.0', 16, 'ipv4')
PRIVATE.addSubnet('169.254.0.0', 16, 'ipv4')
PRIVATE.addSubnet('100.64.0.0', 10, 'ipv4')
PRIVATE.addSubnet('fc00::', 7, 'ipv6')
PRIVATE.addSubnet('fe80::', 10, 'ipv6')

function isIn(list: BlockList, address: string): boolean {
  const version = isIP(address)
  return version !== 0 && list.check(address, version === 6 ? 'ipv6' : 'ipv4')
}

export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  return name === 'localhost' || name.endsWith('.localhost') || isIn(LOOPBACK, name)
}

/** Whether plain HTTP to this host stays off the public network. A name of one label cannot be public DNS. */
export function isPrivateHost(host: string): boolean {
  const name = host.replace(/^\[|\]$/g, '').toLowerCase()
  if (isLoopbackHost(name) || isIn(PRIVATE, name)) return true
  return isIP(name) === 0 && (!name.includes('.') || /\.(?:internal|local|lan)$/.test(name))
}

/** Why a URL cannot be an upstream origin, or undefined when it can. */
export function upstreamProblem(text: string): string | undefined {
  if (!URL.canParse(text)) return 'is not a URL; give an origin such as https://api.openai-hk.com'
  const url = new URL(text)
  if (url.username !== '' || url.password !== '') {
    return 'holds a user name or password; the credential goes into UPSTREAM_API_KEY'
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must begin with https://'
  if (url.pathname !== '/' || url.search !== '' || url.hash !== '') {
    return `must be an origin without a path; use ${url.origin}`
  }
  if (url.protocol === 'http:' && !isPrivateHost(url.hostname)) {
    return `would send the credential over plain HTTP to a public address; use https://${url.host}`
  }
  return undefined
}

/** Why a text is not a browser origin as in the Origin header (RFC 6454), or undefined when it is. */
export function browserOriginProblem(text: string): string | undefined {
  if (text === '*') return undefined
  if (text.includes('*')) {
    return `"${text}" would match nothing; name each origin, or "*" alone for all of them`
  }
  if (text === 'null') return '"null" is any sandboxed page; name the exact origin'
  if (!URL.canParse(text)) return `"${text}" is not an origin; write it as https://app.example.com`
  const { origin, protocol, host } = new URL(text)
  // Opaque schemes (browser extensions, desktop shells) have the origin "null" in the URL standard.
  const exact = origin === 'null' ? `${protocol}//${host}` : origin
  return exact === text ? undefined : `"${text}" is not an exact origin; write it as ${exact}`
}

/** Whether the Redis client, which throws the whole URL at whoever gives it a bad one, can use it. */
export function isRedisUrl(text: string): boolean {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text)) return false
  const { hostname, pathname, username, password } = new URL(text)
  return hostname !== '' && /^\/?\d*$/.test(pathname) && [username, password].every(isDecodable)
}

function isDecodable(text: string): boolean {
  try {
    decodeURIComponent(text)
    return true
  } catch {
    return false
  }
}
