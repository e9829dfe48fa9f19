import type { Client } from './client.ts'

interface AddressLimits extends Pick<Client, 'rateLimitPerMinute' | 'concurrencyLimit'> {
  /** Of every client that has none of its own. */
  readonly defaultBudgets: Client['budgets']
}

/** The client that an address is under open access. */
export function createAddressClient(
  addressKey: string,
  { rateLimitPerMinute, concurrencyLimit, defaultBudgets: budgets }: AddressLimits,
): Client {
  const id = `address:${addressKey}`
  return { id, limitKey: id, rateLimitPerMinute, concurrencyLimit, budgets }
}
