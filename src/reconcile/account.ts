import type { Config } from '../config/config.ts'
import { isPathWithin } from '../policy/path-prefix.ts'
import type { Secret } from '../secret.ts'

/** The provider's own two hosts: where the API is, and where its account pages are. */
const PROVIDER_API = 'https://api.openai-hk.com'
const PROVIDER_ACCOUNT = 'https://www.openai-hk.com'

const MIDJOURNEY_FAMILY = 'mj'
/** Its tasks name no model; the log of calls does. */
const MIDJOURNEY_MODEL = 'midjourney'

/** Whose log of calls is read, and what of the ledger is in it. */
export interface Account {
  readonly origin: string
  /** Each has a log of its own. */
  readonly credentials: readonly Secret[]
  /** Whether calls to a path went to this account's provider. */
  isOwnPath(path: string): boolean
  /** What this account's provider calls the model of a request that named none. */
  modelOf(path: string): string
}

/**
 * The account behind `/v1`. A key goes to no host but its provider's: without `ACCOUNT_URL` there is one only for
 * the provider whose account host is known. Undefined when it is not.
 */
export function findAccount({
  accountUrl,
  upstreamUrl,
  families,
}: Pick<Config, 'accountUrl' | 'upstreamUrl' | 'families'>): Account | undefined {
  const known = upstreamUrl === PROVIDER_API ? PROVIDER_ACCOUNT : undefined
  const origin = accountUrl ?? known
  if (origin === undefined) return undefined
  const own = families.filter((family) => family.origin === upstreamUrl)
  const foreign = families.filter((family) => family.origin !== upstreamUrl)
  const weighted = own.flatMap(({ credentials }) => credentials)
  return {
    origin,
    credentials: [...new Set(weighted.map(({ credential }) => credential))],
    isOwnPath: (path) => !foreign.some((family) => isWithin(path, family)),
    modelOf(path) {
      const family = own.find(({ name }) => name === MIDJOURNEY_FAMILY)
      return family !== undefined && isWithin(path, family) ? MIDJOURNEY_MODEL : ''
    },
  }
}

const isWithin = (
  path: string,
  { prefixes }: Pick<Config['families'][number], 'prefixes'>,
): boolean => prefixes.some((prefix) => isPathWithin(path, prefix))
