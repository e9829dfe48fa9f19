import { upstreamProblem } from './origin.ts'
import { policyShape } from './policy-file.ts'
import { describeIssue } from './problems.ts'
import type { Environment } from './secret-sources.ts'
import { settingInfo } from './setting-kinds.ts'
import { settingsShape } from './settings.ts'
import { z } from './zod.ts'

const configSchema = z.object({ ...settingsShape, ...policyShape })

/** What the environment and the YAML say, secrets apart. */
export type Parsed = z.output<typeof configSchema>

/** What may stand at the top level of the YAML. */
export const YAML_KEYS: readonly string[] = Object.keys(configSchema.shape)

/** Stands in for an upstream that was refused, so that everything else can still be checked. */
const REFUSED_UPSTREAM = 'https://invalid.invalid'

/** One client or family that is wrong takes none of the others with it. */
const IN_PARTS: ReadonlySet<string> = new Set(['clients', 'routes'])

/** The settings and policy of the environment and the YAML; what is wrong with them goes into `problems`. */
export function parseSettings(
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

/** Says what is wrong, and leaves it out, so that the rest can be checked too. */
function parseRest(
  raw: Readonly<Record<string, unknown>>,
  sources: ReadonlyMap<string, string>,
  error: z.ZodError,
  problems: string[],
): Parsed {
  const wrong = new Map<string, Set<unknown>>()
  for (const issue of error.issues) {
    const name = String(issue.path[0])
    problems.push(...describeIssue(issue, { where: sources.get(name) ?? name, value: raw[name] }))
    wrong.set(name, (wrong.get(name) ?? new Set()).add(issue.path[1]))
  }
  const rest = { ...raw }
  for (const [name, parts] of wrong) {
    rest[name] = IN_PARTS.has(name) ? withoutParts(raw[name], parts) : undefined
  }
  return configSchema.parse(rest)
}

function withoutParts(value: unknown, parts: ReadonlySet<unknown>): unknown {
  if (parts.has(undefined) || typeof value !== 'object' || value === null) return undefined
  if (Array.isArray(value)) return value.filter((_, place) => !parts.has(place))
  return Object.fromEntries(Object.entries(value).filter(([key]) => !parts.has(key)))
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
