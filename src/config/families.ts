import { isPathWithin } from '../policy/path-prefix.ts'
import { type CredentialHeader, createFamily, type Family } from '../proxy/family.ts'
import { createSecret, type Secret } from '../secret.ts'
import { upstreamProblem } from './origin.ts'
import type { RoutePolicy } from './policy-file.ts'
import { type Environment, readSecret } from './secret-sources.ts'

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
  readonly env: Environment
  /** The upstream's origin. */
  readonly origin: string
  readonly credential: Secret | undefined
  readonly routes: Readonly<Record<string, RoutePolicy>>
}

interface Families {
  readonly families: readonly Family[]
  /** Every credential that a family sends. */
  readonly credentials: readonly Secret[]
}

/** `/v1`, Midjourney and the families of the YAML, each with its credential bound to its origin. */
export function buildFamilies(input: FamiliesInput, problems: string[]): Families {
  const origin = new URL(input.origin).origin
  const credential = input.credential ?? createSecret('')
  const families = [
    createFamily({ name: 'v1', prefixes: V1_PREFIXES, origin, credential, headers: [BEARER] }),
    createFamily({
      name: 'mj',
      prefixes: MIDJOURNEY_PREFIXES,
      origin,
      credential,
      headers: MIDJOURNEY_HEADERS,
    }),
  ]
  const credentials = [credential]
  const taken = [...OWN_PREFIXES, ...V1_PREFIXES, ...MIDJOURNEY_PREFIXES]
  for (const [name, route] of Object.entries(input.routes)) {
    const prefixes = typeof route.prefix === 'string' ? [route.prefix] : route.prefix
    problems.push(...prefixProblems(name, prefixes, taken))
    taken.push(...prefixes)
    const own = routeCredential(name, route, { ...input, origin }, problems)
    if (own === undefined) continue
    if (!credentials.includes(own.credential)) credentials.push(own.credential)
    const headers = [{ name: route.header.toLowerCase(), template: route.template }]
    families.push(createFamily({ name, prefixes, headers, ...own }))
  }
  return { families, credentials }
}

function prefixProblems(
  name: string,
  prefixes: readonly string[],
  taken: readonly string[],
): string[] {
  return prefixes.flatMap((prefix) => {
    const other = taken.find((prior) => isPathWithin(prefix, prior) || isPathWithin(prior, prefix))
    return other === undefined
      ? []
      : [`routes.${name}.prefix: ${prefix} overlaps ${other}; choose another prefix`]
  })
}

interface BoundCredential {
  readonly origin: string
  readonly credential: Secret
}

/** A route to another origin must bring its own credential: the first one never goes to a second origin. */
function routeCredential(
  name: string,
  route: RoutePolicy,
  { env, origin, credential }: FamiliesInput,
  problems: string[],
): BoundCredential | undefined {
  if (route.upstream === undefined && route.credentialEnv === undefined) {
    return credential === undefined ? undefined : { origin, credential }
  }
  const upstream = route.upstream ?? origin
  const problem = upstreamProblem(upstream)
  if (problem !== undefined) {
    problems.push(`routes.${name}.upstream: ${problem}`)
    return undefined
  }
  const routeOrigin = new URL(upstream).origin
  if (route.credentialEnv === undefined) {
    if (routeOrigin === origin) return credential && { origin, credential }
    problems.push(
      `routes.${name}.upstream: is another origin; name the variable with its own key in credentialEnv`,
    )
    return undefined
  }
  const source = readSecret(env, route.credentialEnv)
  problems.push(...source.problems)
  if (source.secret === undefined && source.problems.length === 0) {
    problems.push(`${route.credentialEnv}: is not set; routes.${name} needs the key in it`)
  }
  return source.secret && { origin: routeOrigin, credential: source.secret }
}
