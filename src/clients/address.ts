import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'

/** An address the socket no longer tells, which happens when a client resets the connection early. */
export const UNKNOWN_ADDRESS = 'unknown'

/**
 * The bare address of `1.2.3.4`, `1.2.3.4:5678`, `2001:db8::1`, `[2001:db8::1]:443` or an IPv4-mapped
 * IPv6 address; undefined for anything else. Some balancers append the source port to `X-Forwarded-For`; a port
 * may be empty (RFC 3986 section 3.2.3).
 */
export function parseAddress(text: string): string | undefined {
  const trimmed = text.trim()
  const bracketed = /^\[([^\]]+)\](?::\d{0,5})?$/.exec(trimmed)?.[1]
  const withPort = /^([\d.]+):\d{0,5}$/.exec(trimmed)?.[1]
  const bare = (bracketed ?? withPort ?? trimmed).replace(/%.*$/, '')
  if (isIP(bare) === 0) return undefined
  return mappedIPv4(bare) ?? bare.toLowerCase()
}

/** The IPv4 address that an IPv6 one stands for (RFC 4291 section 2.5.5.2), in any of its spellings. */
function mappedIPv4(address: string): string | undefined {
  // All of them begin with zeros.
  if (!/^[:0]/.test(address) || !isIPv6(address)) return undefined
  const groups = expandIPv6(address)
  if (groups.slice(0, 6).join(':') !== '0:0:0:0:0:ffff') return undefined
  const [high = 0, low = 0] = groups.slice(6).map((group) => Number.parseInt(group, 16))
  return [high >> 8, high & 0xff, low >> 8, low & 0xff].join('.')
}

/** Whether an address, as `parseAddress` gives it, is this machine's own. */
export const isLoopback = (address: string): boolean =>
  address === '::1' || (isIPv4(address) && address.startsWith('127.'))

/** Groups an address the way access is handed out: IPv4 alone, IPv6 by its /64. */
export function addressKey(text: string): string {
  const address = parseAddress(text)
  if (address === undefined) return UNKNOWN_ADDRESS
  return isIPv6(address) ? `${expandIPv6(address).slice(0, 4).join(':')}::/64` : address
}

/** The eight groups of an IPv6 address, without leading zeros. */
function expandIPv6(address: string): string[] {
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const plain =
    dotted === null
      ? address
      : `${dotted[1]}${toGroup(dotted[2], dotted[3])}:${toGroup(dotted[4], dotted[5])}`
  const [head = '', tail] = plain.split('::')
  const left = head === '' ? [] : head.split(':')
  const right = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = Array.from({ length: 8 - left.length - right.length }, () => '0')
  return [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16).toString(16))
}

const toGroup = (high = '0', low = '0'): string => ((Number(high) << 8) | Number(low)).toString(16)

/** Tells whether a hop's address, with or without a port, belongs to a trusted proxy. */
export type IsTrustedProxy = (address: string) => boolean

/** Builds the test from addresses and CIDRs; throws a RangeError that names the entry that is neither. */
export function createTrustedProxies(entries: readonly string[]): IsTrustedProxy {
  const trusted = new BlockList()
  for (const entry of entries) addEntry(trusted, entry)
  return function isTrustedProxy(text) {
    const address = parseAddress(text)
    return address !== undefined && trusted.check(address, isIPv6(address) ? 'ipv6' : 'ipv4')
  }
}

/** 10.0.0.0/8 and fc00::/7 are the widest networks that can be one operator's own. */
function shortestPrefix(network: string): number {
  if (!isIPv6(network)) return 8
  // IPv4 addresses, written in IPv6.
  return /^::ffff:/i.test(network) ? 104 : 7
}

function addEntry(list: BlockList, entry: string): void {
  const [network = '', prefix, ...rest] = entry.split('/')
  const family = isIPv6(network) ? 'ipv6' : 'ipv4'
  const bits = family === 'ipv6' ? 128 : 32
  const isPrefix = prefix === undefined || (/^\d{1,3}$/.test(prefix) && Number(prefix) <= bits)
  if (isIP(network) === 0 || !isPrefix || rest.length > 0) {
    throw new RangeError(`"${entry}" is not an address or CIDR`)
  }
  if (prefix !== undefined && Number(prefix) < shortestPrefix(network)) {
    throw new RangeError(`"${entry}" trusts addresses that anybody may have`)
  }
  if (prefix === undefined) list.addAddress(network, family)
  else list.addSubnet(network, Number(prefix), family)
}
