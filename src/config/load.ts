import { createTrustedProxies, type IsTrustedProxy } from '../clients/address.ts'
import type { WeightedCredential } from '../proxy/credential-pool.ts'
import { buildBudgets, unpricedNotices } from './budgets.ts'
import { buildClients } from './clients.ts'
import type { Config } from './config.ts'
import { readCredentialList, readCredentials } from './credentials.ts'
import { buildFamilies } from './families.ts'
import { mixUpProblems } from './mix-ups.ts'
import { misspeltNotices } from './misspelt.ts'
import { browserOriginProblem, isLoopbackHost } from './origin.ts'
import type { ClientPolicy } from './policy-file.ts'
import { readPricing } from './read-pricing.ts'
import { type Parsed, parseSettings, YAML_KEYS } from './read-settings.ts'
import { pinAdminToken, pinRunning } from './restart.ts'
import type { Secret } from '../secret.ts'
import { safeStartProblems } from './safe-start.ts'
import {
  createSecretFiles,
  type Environment,
  readToken,
  type SecretFiles,
  type SecretInput,
} from './secret-sources.ts'
import { weakSecretNotices } from './weak-secrets.ts'
import { parseYaml, type YamlFile } from './yaml-file.ts'

export interface ValidConfig {
  readonly config: Config
  /** What is wrong and was got round, and what may not be meant. */
  readonly notices: readonly string[]
  /** Variables that differ from what runs, and change only with a restart. */
  readonly needsRestart: readonly string[]
  readonly problems?: never
}

export type ConfigResult =
  | ValidConfig
  | {
      readonly config?: never
      readonly problems: readonly string[]
      /** What may be the reason of a problem. */
      readonly notices: readonly string[]
    }

interface ParseContext {
  /** Why the YAML file could not be read, if it could not. */
  readonly fileProblem?: string | undefined
  /** Reads the files that hold secrets. */
  readonly files?: SecretFiles
  /** What runs already, if anything: what only a restart can change keeps its value. */
  readonly running?: Config
  /** The client token to take when none is configured, instead of a new one. */
  readonly spareToken?: Secret
}

/**
 * Turns the environment and the YAML file into a frozen `Config`, or into every problem there is, one line
 * each: name, what is wrong, how to fix it. Never holds a secret's value.
 */
export function parseConfig(
  env: Environment,
  file?: YamlFile,
  { fileProblem, files = createSecretFiles(), running, spareToken }: ParseContext = {},
): ConfigResult {
  const secrets: SecretInput = { env, files, problems: [], notices: [], named: new Set() }
  const { problems, notices, named } = secrets
  if (fileProblem !== undefined) problems.push(fileProblem)
  const document = parseYaml(file, YAML_KEYS, problems)
  // What is not set may stand there.
  const isWhole = fileProblem === undefined && document !== undefined
  const read = parseSettings(env, document ?? {}, problems)
  const { settings: parsed, needsRestart } = pinRunning(read, running)
  const credentials = readUpstreamCredentials(secrets, isWhole ? document : undefined, parsed)
  const { adminToken, isNew } = pinAdminToken(readToken(secrets, 'ADMIN_TOKEN'), running)
  const isTrustedProxy = parseTrustedProxies(parsed.trustProxy, problems)
  checkOrigins(parsed, problems)

  const madeBefore = running?.generatedToken ?? spareToken
  const made = buildClients(env, { ...parsed, madeBefore }, problems)
  const { clients, clientTokens, generatedToken } = made
  const { upstreamUrl: origin, routes, forwardHeaders } = parsed
  const families = buildFamilies({ secrets, origin, credentials, routes, forwardHeaders })
  const keySetting = keySettingOf(env)
  problems.push(...mixUpProblems({ clients, clientTokens, adminToken, families, keySetting }))
  const pricing = running?.pricing ?? readPricing(parsed.pricingFile, problems)
  const defaultBudgets = buildBudgets(parsed)
  const hasTokens = clients.length > 0 || problems.some(isAboutClients) || !isWhole
  problems.push(...safeStartProblems({ settings: parsed, hasTokens }))
  const misspelt = misspeltNotices(env, parsed)
  if (problems.length > 0) return { problems, notices: misspelt }

  notices.push(
    ...misspelt,
    ...weakSecretNotices({ settings: parsed, clientTokens, adminToken, credentials, keySetting }),
    ...unpricedNotices({ clients, defaultBudgets }, pricing),
  )
  const { trustProxy: _, routes: __, credentials: ___, forwardHeaders: ____, ...rest } = parsed
  const resolved = {
    isTrustedProxy,
    isOnlyLocal: isLoopbackHost(parsed.host) && parsed.trustProxy.length === 0,
    adminToken,
    clients,
    generatedToken,
    families,
    pricing,
    defaultBudgets,
  }
  return {
    config: Object.freeze({ ...rest, ...resolved, secretFiles: [...named] }),
    notices,
    needsRestart: isNew ? [...needsRestart, 'ADMIN_TOKEN'] : needsRestart,
  }
}

/** Clients that were refused are there, and told of; to say as well that there are none would mislead. */
const isAboutClients = (problem: string): boolean => /^(?:clients|CLIENT_TOKENS)\b/.test(problem)

function keySettingOf(env: Environment): string {
  const names = ['UPSTREAM_API_KEY', 'UPSTREAM_API_KEY_FILE']
  return names.find((name) => (env[name] ?? '') !== '') ?? 'credentials'
}

/** Those of `UPSTREAM_API_KEY`, its file or the YAML's list: exactly one of the three. */
function readUpstreamCredentials(
  secrets: SecretInput,
  document: Readonly<Record<string, unknown>> | undefined,
  { credentials: list }: Parsed,
): readonly WeightedCredential[] {
  const { env, problems } = secrets
  const before = problems.length
  const isInEnv = [env['UPSTREAM_API_KEY'], env['UPSTREAM_API_KEY_FILE']].some(Boolean)
  // A list that cannot be used is a problem that has been told.
  const isInFile = (document?.['credentials'] ?? undefined) !== undefined
  if (isInFile && isInEnv) {
    problems.push(
      'credentials: is set together with UPSTREAM_API_KEY or UPSTREAM_API_KEY_FILE; keep one of them',
    )
    return []
  }
  if (isInFile) return readCredentialList(secrets, list ?? [], 'credentials')
  const credentials = readCredentials(secrets, 'UPSTREAM_API_KEY')
  if (credentials.length === 0 && problems.length === before && document !== undefined) {
    problems.push(
      "UPSTREAM_API_KEY: is not set; put the provider's key (hk-…) there, or its file's name into UPSTREAM_API_KEY_FILE",
    )
  }
  return credentials
}

function parseTrustedProxies(entries: readonly string[], problems: string[]): IsTrustedProxy {
  const usable = entries.filter((entry) => {
    try {
      createTrustedProxies([entry])
      return true
    } catch (error) {
      // `true` would believe the address a client writes itself; a number counts hops that nobody checks.
      const reason = error instanceof Error ? error.message : ''
      problems.push(`TRUST_PROXY: ${reason}; name the proxies, such as 10.0.0.0/8`)
      return false
    }
  })
  return createTrustedProxies(usable)
}

function checkOrigins({ allowedOrigins, clients }: Parsed, problems: string[]): void {
  const originsOf = ({ id, origins }: ClientPolicy): [string, readonly string[]] => [
    `clients.${id}.origins`,
    origins ?? [],
  ]
  const lists: [string, readonly string[]][] = [
    ['ALLOWED_ORIGINS', allowedOrigins],
    ...clients.map(originsOf),
  ]
  for (const [name, origins] of lists) {
    for (const origin of origins) {
      const problem = browserOriginProblem(origin)
      if (problem !== undefined) problems.push(`${name}: ${problem}`)
    }
  }
}
