import { z } from 'zod'

import { createTrustedProxies, type IsTrustedProxy } from '../clients/address.ts'
import type { WeightedCredential } from '../proxy/credential-pool.ts'
import { buildBudgets, unpricedNotices } from './budgets.ts'
import { buildClients } from './clients.ts'
import type { Config } from './config.ts'
import { readCredentialList, readCredentials } from './credentials.ts'
import { buildFamilies } from './families.ts'
import { mixUpProblems } from './mix-ups.ts'
import { browserOriginProblem, isLoopbackHost, upstreamProblem } from './origin.ts'
import { type ClientPolicy, policyShape } from './policy-file.ts'
import { describeIssue } from './problems.ts'
import { readPricing } from './read-pricing.ts'
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
import { settingInfo } from './setting-kinds.ts'
import { settingsShape } from './settings.ts'
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
  | { readonly config?: never; readonly problems: readonly string[] }

interface ParseContext {
  /** Reads the files that hold secrets. */
  readonly files?: SecretFiles
  /** What runs already, if anything: what only a restart can change keeps its value. */
  readonly running?: Config
  /** The client token to take when none is configured, instead of a new one. */
  readonly spareToken?: Secret
}

const configSchema = z.object({ ...settingsShape, ...policyShape })
type Parsed = z.output<typeof configSchema>

/** Stands in for an upstream that was refused, so that everything else can still be checked. */
const REFUSED_UPSTREAM = 'https://invalid.invalid'

/**
 * Turns the environment and the YAML file into a frozen `Config`, or into every problem there is, one line
 * each: name, what is wrong, how to fix it. Never holds a secret's value.
 */
export function parseConfig(
  env: Environment,
  file?: YamlFile,
  { files = createSecretFiles(), running, spareToken }: ParseContext = {},
): ConfigResult {
  const secrets: SecretInput = { env, files, problems: [], notices: [], named: new Set() }
  const { problems, notices, named } = secrets
  const document = parseYaml(file, Object.keys(configSchema.shape), problems)
  const read = parseSettings(env, document, problems)
  const { settings: parsed, needsRestart } = pinRunning(read, running)
  const credentials = readUpstreamCredentials(secrets, document, parsed)
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
  const hasTokens = clients.length > 0 || problems.some(isAboutClients)
  problems.push(...safeStartProblems({ settings: parsed, hasTokens }))
  if (problems.length > 0) return { problems }

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
    notices: [...notices, ...unpricedNotices(clients, pricing)],
    needsRestart: isNew ? [...needsRestart, 'ADMIN_TOKEN'] : needsRestart,
  }
}

/** Clients that were refused are there, and told of; to say as well that there are none would mislead. */
const isAboutClients = (problem: string): boolean => /^(?:clients|CLIENT_TOKENS)\b/.test(problem)

function parseSettings(
  env: Environment,
  document: Readonly<Record<string, unknown>>,
  problems: string[],
): Parsed {
  const raw: Record<string, unknown> = {}
  const sources = new Map<string, string>()
  for (const [name, schema] of Object.entries(configSchema.shape)) {
    const variable = settingInfo.get(schema)?.env
    const fromEnv = variable === undefined ? '' : (env[variable] ?? '')
    // An empty variable is an unset one: compose files pass `NAME=` for what the operator left out.
    raw[name] = fromEnv === '' ? (document[name] ?? undefined) : fromEnv
    if (variable !== undefined && fromEnv !== '') sources.set(name, variable)
  }
  const result = configSchema.safeParse(raw)
  const parsed = result.success ? result.data : parseRest(raw, sources, result.error, problems)
  return checkUpstream(parsed, document, problems)
}

/** Says what is wrong, and takes the defaults in its place, so that the rest can be checked too. */
function parseRest(
  raw: Readonly<Record<string, unknown>>,
  sources: ReadonlyMap<string, string>,
  error: z.ZodError,
  problems: string[],
): Parsed {
  const rest = { ...raw }
  for (const issue of error.issues) {
    const name = String(issue.path[0])
    problems.push(...describeIssue(issue, { where: sources.get(name) ?? name, value: raw[name] }))
    delete rest[name]
  }
  return configSchema.parse(rest)
}

function checkUpstream(
  parsed: Parsed,
  document: Readonly<Record<string, unknown>>,
  problems: string[],
): Parsed {
  const inFile = document['redisUrl']
  if (typeof inFile === 'string' && URL.canParse(inFile) && new URL(inFile).password !== '') {
    problems.push(
      'redisUrl: holds a password in the YAML; set REDIS_URL in the environment instead',
    )
  }
  const originOf = (url: string, name: string): string => {
    const problem = upstreamProblem(url)
    if (problem !== undefined) problems.push(`${name}: ${problem}`)
    return problem === undefined ? new URL(url).origin : REFUSED_UPSTREAM
  }
  return {
    ...parsed,
    upstreamUrl: originOf(parsed.upstreamUrl, 'UPSTREAM_URL'),
    accountUrl: parsed.accountUrl && originOf(parsed.accountUrl, 'ACCOUNT_URL'),
  }
}

function keySettingOf(env: Environment): string {
  const names = ['UPSTREAM_API_KEY', 'UPSTREAM_API_KEY_FILE']
  return names.find((name) => (env[name] ?? '') !== '') ?? 'credentials'
}

/** Those of `UPSTREAM_API_KEY`, its file or the YAML's list: exactly one of the three. */
function readUpstreamCredentials(
  secrets: SecretInput,
  document: Readonly<Record<string, unknown>>,
  { credentials: list }: Parsed,
): readonly WeightedCredential[] {
  const { env, problems } = secrets
  const before = problems.length
  const isInEnv = [env['UPSTREAM_API_KEY'], env['UPSTREAM_API_KEY_FILE']].some(Boolean)
  // A list that cannot be used is a problem that has been told.
  const isInFile = (document['credentials'] ?? undefined) !== undefined
  if (isInFile && isInEnv) {
    problems.push(
      'credentials: is set together with UPSTREAM_API_KEY or UPSTREAM_API_KEY_FILE; keep one of them',
    )
    return []
  }
  if (isInFile) return readCredentialList(secrets, list ?? [], 'credentials')
  const credentials = readCredentials(secrets, 'UPSTREAM_API_KEY')
  if (credentials.length === 0 && problems.length === before) {
    problems.push(
      "UPSTREAM_API_KEY: is not set; put the provider's key (hk-…) there, or its file's name into UPSTREAM_API_KEY_FILE",
    )
  }
  return credentials
}

function parseTrustedProxies(entries: readonly string[], problems: string[]): IsTrustedProxy {
  try {
    return createTrustedProxies(entries)
  } catch (error) {
    // `true` would believe the address a client writes itself; a number counts hops that nobody checks.
    const reason = error instanceof Error ? error.message : ''
    problems.push(`TRUST_PROXY: ${reason}; name the proxies, such as 10.0.0.0/8`)
    return () => false
  }
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
