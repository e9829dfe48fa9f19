import { findClosedPath } from '../policy/closed-paths.ts'
import { isPathWithin } from '../policy/path-prefix.ts'
import { ENDPOINTS_WITHOUT_V1 } from '../policy/request-target.ts'
import type { WeightedCredential } from '../proxy/credential-pool.ts'
import type { CredentialHeader, FamilyConfig } from '../proxy/family.ts'
import { readCredentialList, readCredentials } from './credentials.ts'
import { upstreamProblem } from './origin.ts'
import type { RoutePolicy } from './policy-file.ts'
import type { SecretInput } from './secret-sources.ts'

const BEARER: CredentialHeader = { name: 'authorization', template: 'Bearer {credential}' }

/** The second is the reseller's account; it stays closed unless `openPaths` names it. */
const V1_PREFIXES = ['/v1', '/openai/sk']

/** The reseller takes either header on the Midjourney paths; some deployments read only the second. */
const MIDJOURNEY_HEADERS: readonly CredentialHeader[] = [
  BEARER,
  { name: 'mj-api-secret', template: '{credential}' },
]

/** Resellers put the speed before or into the prefix. */
const MIDJOURNEY_PREFIXES = [
  '/mj',
  '/mj-fast/mj',
  '/mj-relax/mj',
  '/mj-turbo/mj',
  '/fast/mj',
  '/relax/mj',
  '/turbo/mj',
]

/** Prefixes that Keystow answers itself. */
const OWN_PREFIXES = ['/healthz', '/readyz', '/metrics', '/admin', '/dashboard']

interface FamiliesInput {
  readonly secrets: SecretInput
  /** The upstream's origin. */
  readonly origin: string
  readonly credentials: readonly WeightedCredential[]
  readonly routes: Readonly<Record<string, RoutePolicy>>
  /** Further headers of `/v1`. */
  readonly forwardHeaders: readonly string[]
}

/** `/v1`, Midjourney and the families of the YAML, each with its credentials bound to its origin. */
export function buildFamilies(input: FamiliesInput): readonly FamilyConfig[] {
  const { problems } = input.secrets
  const main = { origin: new URL(input.origin).origin, credentials: input.credentials }
  const { forwardHeaders } = input
  const families: FamilyConfig[] = [
    { name: 'v1', prefixes: V1_PREFIXES, headers: [BEARER], forwardHeaders, ...main },
    { name: 'mj', prefixes: MIDJOURNEY_PREFIXES, headers: MIDJOURNEY_HEADERS, ...main },
  ]
  const taken = [...OWN_PREFIXES, ...V1_PREFIXES, ...MIDJOURNEY_PREFIXES]
  for (const [name, route] of Object.entries(input.routes)) {
    const prefixes = typeof route.prefix === 'string' ? [route.prefix] : route.prefix
    problems.push(...nameProblems(name, families), ...prefixProblems(name, prefixes, taken))
    taken.push(...prefixes)
    const bound = bindRoute(name, route, { secrets: input.secrets, main })
    const headers = [{ name: route.header.toLowerCase(), template: route.template }]
    families.push({ name, prefixes, headers, forwardHeaders: route.forwardHeaders, ...bound })
  }
  return families
}

/** The log, the metrics and lists of models know a family by its name. */
function nameProblems(name: string, families: readonly FamilyConfig[]): string[] {
  return families.some((family) => family.name === name)
    ? [`routes.${name}: is the name of a family that is there without it; choose another`]
    : []
}

/** Whether one lies within the other; a reader of the log takes `/V1` for `/v1`, and so do some upstreams. */
function overlaps(a: string, b: string): boolean {
  const [first, second] = [a.toLowerCase(), b.toLowerCase()]
  return isPathWithin(first, second) || isPathWithin(second, first)
}

function prefixProblems(
  name: string,
  prefixes: readonly string[],
  taken: readonly string[],
): string[] {
  return prefixes.flatMap((prefix) => {
    const reason = takenReason(prefix, taken)
    return reason === undefined
      ? []
      : [`routes.${name}.prefix: ${prefix} ${reason}; choose another prefix`]
  })
}

function takenReason(prefix: string, taken: readonly string[]): string | undefined {
  const other = taken.find((prior) => overlaps(prefix, prior))
  if (other !== undefined) return `overlaps ${other}`
  // Both ways in which a base URL with or without /v1 is put right would lead past it, or into it.
  const endpoint = ENDPOINTS_WITHOUT_V1.find((prior) => overlaps(prefix, prior))
  if (endpoint !== undefined) return `would never be reached: ${endpoint} means /v1${endpoint}`
  const closed = ['GET', 'POST'].some((method) => findClosedPath(method, `/v1${prefix}`, []))
  return closed ? `would take in /v1${prefix}, which is closed` : undefined
}

interface Bound {
  readonly origin: string
  readonly credentials: readonly WeightedCredential[]
}

interface Binding {
  readonly secrets: SecretInput
  /** The upstream's own. */
  readonly main: Bound
}

/** A route to another origin must bring its own credentials: the first ones never go to a second origin. */
function bindRoute(name: string, route: RoutePolicy, { secrets, main }: Binding): Bound {
  const upstream = route.upstream ?? main.origin
  const own = readOwn(name, route, secrets)
  const problem = upstreamProblem(upstream)
  if (problem !== undefined) {
    secrets.problems.push(`routes.${name}.upstream: ${problem}`)
    return main
  }
  const { origin } = new URL(upstream)
  if (own !== undefined) return { origin, credentials: own }
  if (origin !== main.origin) {
    secrets.problems.push(
      `routes.${name}.upstream: is another origin; name the variable with its own key in credentialEnv`,
    )
  }
  return main
}

/** The credentials that a route names; undefined when it names none. */
function readOwn(
  name: string,
  { credentialEnv, credentials }: RoutePolicy,
  secrets: SecretInput,
): readonly WeightedCredential[] | undefined {
  const where = `routes.${name}.credentials`
  if (credentials !== undefined && credentialEnv !== undefined) {
    secrets.problems.push(`${where}: is set together with credentialEnv; keep one of the two`)
  }
  if (credentials !== undefined) return readCredentialList(secrets, credentials, where)
  if (credentialEnv === undefined) return undefined
  const before = secrets.problems.length
  const own = readCredentials(secrets, credentialEnv)
  if (own.length === 0 && secrets.problems.length === before) {
    secrets.problems.push(`${credentialEnv}: is not set; routes.${name} needs the key in it`)
  }
  return own
}
