import { isIP } from 'node:net'

/** A name, or an address as a Host header writes it, without its port. */
const HOST = /^(?:\[([^\]]+)\]|([^:]+))(?::\d*)?$/

/**
 * Whether a Host header names a server by what no foreign name can become: an address, or a name that no resolver
 * looks up (RFC 6761 section 6.3). A page whose own name leads to this machine sends that name.
 */
export function isLocalName(host: string): boolean {
  const [, bracketed, bare] = HOST.exec(host) ?? []
  if (bracketed !== undefined) return isIP(bracketed) === 6
  const name = bare?.toLowerCase().replace(/\.$/, '') ?? ''
  return isIP(name) === 4 || name === 'localhost' || name.endsWith('.localhost')
}
