import { lookup } from 'node:dns/promises'

import { codeOf } from '../thrown.ts'

const NAME = 'localhost'

/** What a system without IPv6, or without the address, says: its list of names may still have it. */
const NO_SUCH_ADDRESS: ReadonlySet<unknown> = new Set(['EADDRNOTAVAIL', 'EAFNOSUPPORT'])

export type Resolve = (name: string) => Promise<readonly string[]>

/** The addresses beside this one that are listened on for a host: `localhost` has several, any other has none. */
export async function otherAddresses(
  host: string,
  own: string,
  resolve: Resolve = lookUpAll,
): Promise<readonly string[]> {
  if (host !== NAME) return []
  const addresses = new Set(await resolve(NAME))
  addresses.delete(own)
  return [...addresses]
}

/** Whether nobody can listen there on this machine; the first address is enough then. */
export const hasNoSuchAddress = (error: unknown): boolean => NO_SUCH_ADDRESS.has(codeOf(error))

async function lookUpAll(name: string): Promise<readonly string[]> {
  return (await lookup(name, { all: true })).map(({ address }) => address)
}
