import { createTokenClients, type FindTokenClient } from '../clients/token-clients.ts'
import type { Config } from '../config/config.ts'
import type { CredentialRing } from '../proxy/bound-credential.ts'
import type { ExchangeClocks } from '../proxy/exchange-options.ts'
import { bindFamilies, type Family, type FamilyConfig } from '../proxy/family.ts'
import { type CorsPolicy, createCorsPolicy } from './cors.ts'
import { remember } from './remember.ts'
import { createTargetParser, type ParseTarget } from './request-target.ts'

/** Texts that are known to be no tokens, and how long such a one may be. */
const MAX_MISSES = 500
const MAX_MISS_LENGTH = 100

const BYTES_PER_MIB = 1024 * 1024

/** Everything that is decided by the settings for one request, as they were when it began. */
export interface Policy {
  readonly config: Config
  readonly families: readonly Family[]
  readonly parseTarget: ParseTarget
  readonly findTokenClient: FindTokenClient
  /** Whether a text is a token of a client or the operator. */
  readonly isToken: (text: string) => boolean
  readonly cors: CorsPolicy
  readonly clocks: ExchangeClocks
  readonly bodyLimitBytes: number
}

/** Holds the policy of the requests that begin now; those that run keep theirs. */
export interface LivePolicy {
  current(): Policy
  /** Puts these settings in place for what begins from now on, or returns why not. */
  replace(config: Config): readonly string[]
}

/** The credentials stay in the ring, with what is known of them. */
export function createLivePolicy(config: Config, ring: CredentialRing): LivePolicy {
  let current = createPolicy(config, ring)
  return {
    current: () => current,
    replace(next) {
      const problems = bindingProblems(next, ring)
      if (problems.length === 0) current = createPolicy(next, ring)
      return problems
    },
  }
}

/** A credential goes to no other origin than at the start: whoever can write the settings cannot lead it away. */
function bindingProblems({ families }: Config, ring: CredentialRing): readonly string[] {
  const isElsewhere = ({ origin, credentials }: FamilyConfig): boolean =>
    credentials.some(({ credential }) => ring.isBoundElsewhere(origin, credential))
  return families
    .filter(isElsewhere)
    .map(
      ({ name, origin }) =>
        `routes.${name}: would send a key of another origin to ${origin}; that needs a restart`,
    )
}

function createPolicy(config: Config, ring: CredentialRing): Policy {
  const families = bindFamilies(config.families, ring)
  ring.retain(
    new Set(families.flatMap(({ pool }) => pool.members.map(({ credential }) => credential))),
  )
  const findTokenClient = createTokenClients(config.clients)
  return Object.freeze({
    config,
    families,
    parseTarget: rememberPaths(createTargetParser(families)),
    findTokenClient,
    isToken: rememberMisses(
      (text) => findTokenClient(text) !== undefined || text === config.adminToken?.reveal(),
    ),
    cors: createCorsPolicy(config.allowedOrigins, config.clients),
    clocks: {
      firstByteMs: config.upstreamFirstByteTimeoutMs,
      idleMs: config.upstreamIdleTimeoutMs,
      heartbeatMs: config.sseHeartbeatMs,
    },
    bodyLimitBytes: config.bodyLimitMb * BYTES_PER_MIB,
  })
}

/** Queries are not kept: they differ, and may hold anything. */
function rememberPaths(parse: ParseTarget): ParseTarget {
  const parsePath = remember(parse)
  return (rawUrl) => (rawUrl.includes('?') ? parse(rawUrl) : parsePath(rawUrl))
}

/** Whether a text is a token takes a hash, and each line of the log asks it of the same few paths and models. */
function rememberMisses(isToken: (text: string) => boolean): (text: string) => boolean {
  const misses = new Set<string>()
  return function isTokenOrMiss(text) {
    if (misses.has(text)) return false
    if (isToken(text)) return true
    if (text.length <= MAX_MISS_LENGTH) {
      if (misses.size >= MAX_MISSES) misses.clear()
      misses.add(text)
    }
    return false
  }
}
