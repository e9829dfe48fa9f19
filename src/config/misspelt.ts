import { nearestKey } from './nearest-key.ts'
import type { Parsed } from './read-settings.ts'
import type { Environment } from './secret-sources.ts'
import { settingInfo } from './setting-kinds.ts'
import { settingsShape } from './settings.ts'

const VARIABLES: readonly string[] = [
  ...Object.values(settingsShape).map((schema) => settingInfo.get(schema)?.env ?? ''),
  'UPSTREAM_API_KEY',
  'UPSTREAM_API_KEY_FILE',
  'ADMIN_TOKEN',
  'ADMIN_TOKEN_FILE',
  'CLIENT_TOKENS',
  'KEYSTOW_CONFIG',
]

/** No other program's variables begin like this. */
const OWN_PREFIX = /^(?:KEYSTOW|UPSTREAM)_/

/** What Docker and Kubernetes put there for every service beside this one, which may be called `redis` or `keystow`. */
const SERVICE_LINK = /_(?:SERVICE_(?:HOST|PORT)\w*|PORT_\d+_(?:TCP|UDP)\w*|ENV_\w+)$/
const SERVICE_ADDRESS = /^(?:tcp|udp):\/\//

/** Shorter names are one mistake away from too much. */
const MIN_LENGTH = 5
/** From here on, two mistakes are still no other word. */
const LONG_LENGTH = 10

/**
 * Variables that look like settings and are none. The environment holds what is meant for other programs too, so this
 * can be no reason not to start.
 */
export function misspeltNotices(env: Environment, parsed: Parsed): string[] {
  const named = namedVariables(parsed)
  const isSet = (name: string): boolean => (env[name] ?? '') !== ''
  return Object.keys(env)
    .filter((name) => isSet(name) && !VARIABLES.includes(name) && !named.has(name))
    .filter((name) => !SERVICE_LINK.test(name) && !SERVICE_ADDRESS.test(env[name] ?? ''))
    .flatMap((name) => {
      // Beside the right one, a similar one is somebody else's.
      const meant = findMeant(name, isSet)
      if (meant !== undefined) return [`${name}: is not a setting; did you mean ${meant}?`]
      return OWN_PREFIX.test(name) ? [`${name}: is not a setting; README.md lists them`] : []
    })
}

/** Those that the YAML names as holding a key. */
function namedVariables({ credentials = [], routes }: Parsed): ReadonlySet<string> {
  const lists = [credentials, ...Object.values(routes).map((route) => route.credentials ?? [])]
  const names = [
    ...lists.flat().flatMap(({ env = [] }) => env),
    ...Object.values(routes).flatMap(({ credentialEnv = [] }) => credentialEnv),
  ]
  return new Set(names.flatMap((name) => [name, `${name}_FILE`]))
}

function findMeant(name: string, isSet: (name: string) => boolean): string | undefined {
  const bare = name.replace(/^KEYSTOW_/, '')
  if (bare !== name && VARIABLES.includes(bare)) return bare
  const free = VARIABLES.filter((variable) => !isSet(variable))
  return nearestOf(name, free) ?? (bare === name ? undefined : nearestOf(bare, free))
}

function nearestOf(name: string, free: readonly string[]): string | undefined {
  if (name.length < MIN_LENGTH) return undefined
  // What is not in capitals belongs to other programs (npm, proxies), but for the whole name.
  if (name !== name.toUpperCase()) return free.find((known) => known === name.toUpperCase())
  const longer = free.filter((known) => leavesWordsOut(name, known))
  return (
    nearestKey(name, longer, Infinity) ?? nearestKey(name, free, name.length < LONG_LENGTH ? 1 : 2)
  )
}

/** `UPSTREAM_KEY` for `UPSTREAM_API_KEY`: two words or more, the first one right, and none that is not there. */
function leavesWordsOut(typed: string, known: string): boolean {
  const words = typed.split('_')
  const all = known.split('_')
  if (words.length < 2 || words.length >= all.length || words[0] !== all[0]) return false
  let found = 0
  for (const word of all) if (word === words[found]) found++
  return found === words.length
}
