import { z } from 'zod'

import { createTrustedProxies, type IsTrustedProxy } from '../clients/address.ts'
import type { Secret } from '../secret.ts'
import { buildClients } from './clients.ts'
import type { Config } from './config.ts'
import { buildFamilies } from './families.ts'
import { browserOriginProblem, upstreamProblem } from './origin.ts'
import { type ClientPolicy, policyShape } from './policy-file.ts'
import { describeIssue } from './problems.ts'
import { safeStartProblems } from './safe-start.ts'
import { type Environment, readSecret } from './secret-sources.ts'
import { settingInfo, settingsShape } from './settings.ts'
import { parseYaml, type YamlFile } from './yaml-file.ts'

export type ConfigResult =
  | { readonly config: Config; readonly problems?: never }
  | { readonly config?: never; readonly problems: readonly string[] }

const configSchema = z.object({ ...settingsShape, ...policyShape })
type Parsed = z.output<typeof configSchema>

/** Stands in for an upstream that was refused, so that everything else can still be checked. */
const REFUSED_UPSTREAM = 'https://invalid.invalid'

/**
 * Turns the environment and the YAML file into a frozen `Config`, or into every problem there is, one line
 * each: name, what is wrong, how to fix it. Never holds a secret's value.
 */
export function parseConfig(env: Environment, file?: YamlFile): ConfigResult {
  const problems: string[] = []
  const document = parseYaml(file, Object.keys(configSchema.shape), problems)
  const parsed = parseSettings(env, document, problems)
  const credential = readRequiredCredential(env, problems)
  const adminToken = takeSecret(env, 'ADMIN_TOKEN', problems)
  const isTrustedProxy = parseTrustedProxies(parsed.trustProxy, problems)
  checkOrigins(parsed, problems)

  const { clients, generatedToken } = buildClients(env, parsed, problems)
  const { families, credentials } = buildFamilies(
    { env, origin: parsed.upstreamUrl, credential, routes: parsed.routes },
    problems,
  )
  problems.push(...safeStartProblems({ settings: parsed, hasTokens: clients.length > 0 }))
  if (problems.length > 0) return { problems }

  const { trustProxy: _, routes: __, ...rest } = parsed
  const resolved = { isTrustedProxy, adminToken, clients, generatedToken, families, credentials }
  return { config: Object.freeze({ ...rest, ...resolved }) }
}

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
  const problem = upstreamProblem(parsed.upstreamUrl)
  if (problem !== undefined) problems.push(`UPSTREAM_URL: ${problem}`)
  const upstreamUrl = problem === undefined ? new URL(parsed.upstreamUrl).origin : REFUSED_UPSTREAM
  return { ...parsed, upstreamUrl }
}

function readRequiredCredential(env: Environment, problems: string[]): Secret | undefined {
  const before = problems.length
  const credential = takeSecret(env, 'UPSTREAM_API_KEY', problems)
  if (credential === undefined && problems.length === before) {
    problems.push(
      "UPSTREAM_API_KEY: is not set; put the provider's key (hk-…) there, or its file's name into UPSTREAM_API_KEY_FILE",
    )
  }
  return credential
}

function takeSecret(env: Environment, name: string, problems: string[]): Secret | undefined {
  const source = readSecret(env, name)
  problems.push(...source.problems)
  return source.secret
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
