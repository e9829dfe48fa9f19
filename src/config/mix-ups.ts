import { hashClientToken } from '../clients/client-token.ts'
import type { TokenClient } from '../clients/client.ts'
import type { FamilyConfig } from '../proxy/family.ts'
import type { Secret } from '../secret.ts'
import type { ClientToken } from './clients.ts'

/** Resellers take a key under any of these; what follows is the secret. */
const PREFIXES = ['', 'hk-', 'sk-', 'ks-', 'nk-']
const PREFIX = /^(?:hk|sk)-/

/** A shorter key, such as those that local upstreams take, stands within other words by chance. */
const MIN_CONTAINED_LENGTH = 8

interface MixUpInput {
  readonly clients: readonly TokenClient[]
  /** Those of `CLIENT_TOKENS`, which are known as they are. */
  readonly clientTokens: readonly ClientToken[]
  readonly adminToken: Secret | undefined
  readonly families: readonly FamilyConfig[]
  /** The setting that the keys of `/v1` came from. */
  readonly keySetting: string
}

/** Secrets that were put in each other's place: the key would be handed to clients, or a client be an operator. */
export function mixUpProblems(input: MixUpInput): string[] {
  const { clients, adminToken } = input
  const owners = ownersByHash(clients)
  const admin = adminToken?.reveal()
  const problems: string[] = []
  const sameAsAdmin = admin === undefined ? undefined : owners.get(hashOf(admin))
  if (sameAsAdmin !== undefined) {
    problems.push(
      `ADMIN_TOKEN: is also the token of the client ${sameAsAdmin}, who could read everything; make another with npm run token`,
    )
  }
  const keys = new Map(keysOf(input))
  for (const [key, setting] of keys) {
    const secret = key.replace(PREFIX, '')
    const spellings = [key, ...PREFIXES.map((prefix) => prefix + secret)]
    const hasKey = (text: string): boolean =>
      spellings.includes(text) || (secret.length >= MIN_CONTAINED_LENGTH && text.includes(secret))
    const holders = new Set(spellings.flatMap((text) => owners.get(hashOf(text)) ?? []))
    for (const { id, token } of input.clientTokens) if (hasKey(token)) holders.add(id)
    for (const id of holders) {
      problems.push(
        `clients: the token of ${id} holds the key of ${setting}, which clients must not have; make another with npm run token`,
      )
    }
    if (admin !== undefined && hasKey(admin)) {
      problems.push(`ADMIN_TOKEN: holds the key of ${setting}; make another with npm run token`)
    }
  }
  return problems
}

const hashOf = (text: string): string => hashClientToken(text).toString('hex')

const ownersByHash = (clients: readonly TokenClient[]): ReadonlyMap<string, string> =>
  new Map(clients.map(({ id, tokenHash }) => [tokenHash.toString('hex'), id]))

/** Each key once, with the setting it came from; those of `/v1` first, which others may share. */
function keysOf({ families, keySetting }: MixUpInput): [string, string][] {
  return families
    .toReversed()
    .flatMap(({ name, credentials }) =>
      credentials.map(({ credential }): [string, string] => [
        credential.reveal(),
        name === 'v1' || name === 'mj' ? keySetting : `routes.${name}`,
      ]),
    )
}
