import { createClientToken, hashClientToken } from '../clients/client-token.ts'
import type { TokenClient } from '../clients/client.ts'
import { createSecret, type Secret } from '../secret.ts'
import { buildBudgets } from './budgets.ts'
import { isLoopbackHost } from './origin.ts'
import { CLIENT_ID, type ClientPolicy } from './policy-file.ts'
import { type Environment, tokenProblem } from './secret-sources.ts'
import type { Settings } from './settings.ts'

interface ClientSettings extends Settings {
  readonly clients: readonly ClientPolicy[]
  /** The token that was made for this run, if one was. */
  readonly madeBefore: Secret | undefined
}

/** A token as it stands in the environment. */
export interface ClientToken {
  readonly id: string
  readonly token: string
}

interface Clients {
  readonly clients: readonly TokenClient[]
  /** Those that were configured as they are, and not by their hash. */
  readonly clientTokens: readonly ClientToken[]
  readonly generatedToken: Secret | undefined
}

/** Clients of the YAML and of `CLIENT_TOKENS`; on a loopback address with neither, one made for this run. */
export function buildClients(
  env: Environment,
  settings: ClientSettings,
  problems: string[],
): Clients {
  const before = problems.length
  const clientTokens = readClientTokens(env['CLIENT_TOKENS'] ?? '', problems)
  const clients = [
    ...settings.clients.map((policy) => fromPolicy(policy, settings)),
    ...clientTokens.map(({ id, token }) => withToken(id, token, settings)),
  ]
  problems.push(...duplicates(clients))
  const isMissing = clients.length === 0 && !settings.openAccess && problems.length === before
  if (!isMissing || !isLoopbackHost(settings.host)) {
    return { clients, clientTokens, generatedToken: undefined }
  }

  const generatedToken = settings.madeBefore ?? createSecret(createClientToken())
  return {
    clients: [withToken('local', generatedToken.reveal(), settings)],
    clientTokens,
    generatedToken,
  }
}

function fromPolicy(policy: ClientPolicy, settings: Settings): TokenClient {
  return Object.freeze({
    id: policy.id,
    limitKey: `client:${policy.id}`,
    origins: policy.origins,
    models: policy.models,
    paths: policy.paths,
    rateLimitPerMinute: policy.rateLimitPerMinute ?? settings.rateLimitPerMinute,
    concurrencyLimit: policy.concurrencyLimit ?? settings.concurrencyLimit,
    budgets: buildBudgets(settings, policy),
    tokenHash: Buffer.from(policy.tokenHash, 'hex'),
  })
}

function readClientTokens(text: string, problems: string[]): ClientToken[] {
  const clients: ClientToken[] = []
  const entries = text
    .split(',')
    .map((entry) => entry.trim())
    .filter((entry) => entry !== '')
  for (const [index, entry] of entries.entries()) {
    const colon = entry.indexOf(':')
    const id = entry.slice(0, colon)
    const token = entry.slice(colon + 1)
    // The entry is named by its place: what stands before a missing colon may be the token itself.
    if (colon < 1 || !CLIENT_ID.test(id)) {
      problems.push(
        `CLIENT_TOKENS: entry ${index + 1} is not id:token; use 1 to 64 letters, digits or . _ @ - for the id`,
      )
      continue
    }
    const problem = tokenProblem(token)
    if (problem === undefined) clients.push({ id, token })
    else problems.push(`CLIENT_TOKENS: the token of ${id} ${problem}`)
  }
  return clients
}

function withToken(id: string, token: string, settings: Settings): TokenClient {
  const { rateLimitPerMinute, concurrencyLimit } = settings
  const tokenHash = hashClientToken(token)
  return Object.freeze({
    id,
    limitKey: `client:${id}`,
    rateLimitPerMinute,
    concurrencyLimit,
    budgets: buildBudgets(settings),
    tokenHash,
  })
}

function duplicates(clients: readonly TokenClient[]): string[] {
  const problems: string[] = []
  const ids = new Set<string>()
  const hashes = new Map<string, string>()
  for (const { id, tokenHash } of clients) {
    if (ids.has(id)) problems.push(`clients: the id ${id} stands twice; give each client its own`)
    ids.add(id)
    const hex = tokenHash.toString('hex')
    const other = hashes.get(hex)
    if (other !== undefined && other !== id) {
      problems.push(`clients: ${other} and ${id} have the same token; give each client its own`)
    }
    hashes.set(hex, id)
  }
  return problems
}
