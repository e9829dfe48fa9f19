import type { CredentialRing } from './bound-credential.ts'
import {
  createCredentialPool,
  type CredentialPool,
  type Turn,
  type WeightedCredential,
} from './credential-pool.ts'

/** Paths that go to one upstream, as the settings say it. */
export interface FamilyConfig {
  readonly name: string
  /** Path prefixes without a trailing slash. */
  readonly prefixes: readonly string[]
  /** Scheme, host and port of the upstream. */
  readonly origin: string
  /** The headers that carry a credential. */
  readonly headers: readonly CredentialHeader[]
  /** Request headers that are forwarded beside those that always are. */
  readonly forwardHeaders?: readonly string[]
  /** Families with the same list share a pool. */
  readonly credentials: readonly WeightedCredential[]
}

/** A header that carries the credential; `{credential}` in the template is where it goes. */
export interface CredentialHeader {
  /** Lower case. */
  readonly name: string
  readonly template: string
}

/** Paths that go to one upstream, each request with a credential of one pool. */
export interface Family extends Pick<FamilyConfig, 'name' | 'prefixes' | 'origin'> {
  readonly pool: CredentialPool
  /** Lower case; what the credential is sent in. A client's header of that name stays here. */
  readonly credentialHeaders: ReadonlySet<string>
  /** Lower case; what is forwarded beside the headers that always are. */
  readonly forwardHeaders: ReadonlySet<string>
  /** A flat list of outbound headers (name, value, name, value) with the credential of this turn behind them. */
  withCredential(outboundHeaders: readonly string[], turn: Turn): string[]
}

/** Binds the credentials of each family to its origin: nothing else in the process pairs the two. */
export function bindFamilies(
  configs: readonly FamilyConfig[],
  ring: CredentialRing,
): readonly Family[] {
  const pools = new Map<readonly WeightedCredential[], CredentialPool>()
  return configs.map((config) => {
    const { origin, credentials } = config
    const pool = pools.get(credentials) ?? createCredentialPool(credentials, { origin, ring })
    pools.set(credentials, pool)
    return bindFamily(config, pool)
  })
}

function bindFamily(
  { name, prefixes, origin, headers, forwardHeaders = [] }: FamilyConfig,
  pool: CredentialPool,
): Family {
  if (pool.origin !== origin) throw new Error(`${name} shares credentials with another origin`)
  return Object.freeze({
    name,
    prefixes,
    origin,
    pool,
    credentialHeaders: new Set(headers.map((header) => header.name)),
    forwardHeaders: new Set(forwardHeaders.map((header) => header.toLowerCase())),
    withCredential(outboundHeaders: readonly string[], { credential }: Turn): string[] {
      if (credential.origin !== origin) throw new Error(`a credential is not for ${origin}`)
      const all = [...outboundHeaders]
      for (const { name, template } of headers) {
        // A function, because `$` in the credential would be read as a pattern.
        all.push(
          name,
          template.replace('{credential}', () => credential.secret.reveal()),
        )
      }
      return all
    },
  })
}
