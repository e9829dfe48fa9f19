import type { WeightedCredential } from '../proxy/credential-pool.ts'
import type { Secret } from '../secret.ts'
import type { ClientToken } from './clients.ts'
import { isLoopbackHost, isPrivateHost } from './origin.ts'
import type { Settings } from './settings.ts'

/** Sixteen letters and digits chosen by chance are more than anybody tries; a word of a language is not. */
const STRONG_LENGTH = 16

/** No provider's key is as short; those of a local upstream may be. */
const MIN_PROVIDER_KEY_LENGTH = 8

interface WeakSecretsInput {
  readonly settings: Settings
  /** Those of `CLIENT_TOKENS`; of the others only the hashes are known. */
  readonly clientTokens: readonly ClientToken[]
  readonly adminToken: Secret | undefined
  /** Of the upstream. */
  readonly credentials: readonly WeightedCredential[]
  /** The setting that they came from. */
  readonly keySetting: string
}

/** What the operator should know of secrets that can be used, and that others may guess. Names no value. */
export function weakSecretNotices(input: WeakSecretsInput): string[] {
  const { settings, clientTokens, adminToken, credentials, keySetting } = input
  const notices: string[] = []
  const isShortKey = credentials.some(
    ({ credential }) => credential.reveal().length < MIN_PROVIDER_KEY_LENGTH,
  )
  if (isShortKey && !isPrivateHost(new URL(settings.upstreamUrl).hostname)) {
    notices.push(`${keySetting}: is shorter than any provider's key; check how it was pasted`)
  }
  if (!canBeReached(settings)) return notices
  const reason = `is shorter than ${STRONG_LENGTH} characters, and others can try to guess it; npm run token makes one`
  const weak = clientTokens.filter(({ token }) => token.length < STRONG_LENGTH)
  notices.push(...weak.map(({ id }) => `CLIENT_TOKENS: the token of ${id} ${reason}`))
  const isWeakAdmin = adminToken !== undefined && adminToken.reveal().length < STRONG_LENGTH
  if (isWeakAdmin) notices.push(`ADMIN_TOKEN: ${reason}`)
  return notices
}

/** By its own address, or through a proxy in front of it. */
const canBeReached = ({ host, trustProxy }: Settings): boolean =>
  !isLoopbackHost(host) || trustProxy.length > 0
