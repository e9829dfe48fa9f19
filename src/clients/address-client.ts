import type { Client } from './client.ts'

type AddressLimits = Pick<Client, 'rateLimitPerMinute' | 'concurrencyLimit'>

/** The client that an address is under open access. */
export function createAddressClient(addressKey: string, limits: AddressLimits): Client {
  const id = `address:${addressKey}`
  return { id, limitKey: id, ...limits }
}
