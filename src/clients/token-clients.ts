import { timingSafeEqual } from 'node:crypto'

import { hashClientToken } from './client-token.ts'
import type { TokenClient } from './client.ts'

/** NextChat sends its access code, and whatever else it is given for one, behind this. */
const ACCESS_CODE_PREFIX = 'nk-'

/** Finds the client that a token belongs to. */
export type FindTokenClient = (token: string) => TokenClient | undefined

/**
 * Looks clients up by the hash of their token. What an attacker can time is the look-up of a digest
 * that cannot be steered without knowing the token; the digests themselves are compared in constant time.
 */
export function createTokenClients(clients: readonly TokenClient[]): FindTokenClient {
  const byHash = new Map(clients.map((client) => [client.tokenHash.toString('hex'), client]))
  function find(token: string): TokenClient | undefined {
    const tokenHash = hashClientToken(token)
    const client = byHash.get(tokenHash.toString('hex'))
    return client !== undefined && timingSafeEqual(client.tokenHash, tokenHash) ? client : undefined
  }
  return function findTokenClient(token) {
    const client = find(token)
    if (client !== undefined || !token.startsWith(ACCESS_CODE_PREFIX)) return client
    return find(token.slice(ACCESS_CODE_PREFIX.length))
  }
}
