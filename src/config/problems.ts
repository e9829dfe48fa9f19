import type { z } from 'zod'

import { nearestKey } from './nearest-key.ts'
import { clientSchema, credentialSchema, routeSchema } from './policy-file.ts'
import { settingInfo } from './setting-kinds.ts'
import { settingsShape } from './settings.ts'

/** Settings that may hold a password; their value is not repeated in a message. */
const UNPRINTED: ReadonlySet<string> = new Set(['redisUrl', 'upstreamUrl'])

const MAX_SHOWN_LENGTH = 100

interface IssueSource {
  /** The environment variable or YAML key that the value came from. */
  readonly where: string
  readonly value: unknown
}

/** One line for each thing that a zod issue says is wrong: name, what is wrong, how to fix it. */
export function describeIssue(issue: z.core.$ZodIssue, { where, value }: IssueSource): string[] {
  const [name, ...inner] = issue.path.map(String)
  const setting = Object.entries(settingsShape).find(([key]) => key === name)
  const info = setting && settingInfo.get(setting[1])
  if (info !== undefined) {
    const shown = UNPRINTED.has(String(name)) ? 'the value' : show(value)
    return [`${where}: ${shown} is not valid; give ${info.expected}`]
  }
  const place = [name, ...inner].join('.')
  if (issue.code !== 'unrecognized_keys') {
    const isWrongKind = issue.code === 'invalid_type' || issue.code === 'invalid_union'
    const what = isWrongKind ? `${describeKind(valueAt(value, inner))}; ` : ''
    return [`${place}: ${what}${issue.message}`]
  }
  const known = Object.keys(shapeAt(issue.path).shape)
  return issue.keys.map((key) => unknownKey(`${place}.${key}`, key, known))
}

/** Lists and what refers to itself are not written out. */
function show(value: unknown): string {
  const shown = typeof value === 'object' ? '' : (JSON.stringify(value) ?? '')
  return shown === '' || shown.length > MAX_SHOWN_LENGTH ? 'the value' : shown
}

function valueAt(value: unknown, path: readonly string[]): unknown {
  let at = value
  for (const key of path) at = isRecord(at) ? at[key] : undefined
  return at
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null

/** What stands there, without the value itself. */
function describeKind(value: unknown): string {
  if (value === undefined) return 'is missing'
  if (value === null) return 'is empty'
  if (Array.isArray(value)) return 'is a list that does not fit'
  if (typeof value === 'object') return 'is a group of settings'
  return typeof value === 'string' ? 'is a text' : `is a ${typeof value}`
}

function shapeAt(path: readonly PropertyKey[]) {
  if (path.includes('credentials')) return credentialSchema
  return path[0] === 'clients' ? clientSchema : routeSchema
}

/** Names the nearest valid key, which is nearly always the one that was meant. */
export function unknownKey(where: string, key: string, known: readonly string[]): string {
  const nearest = nearestKey(key, known)
  const hint = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`
  return `${where}: is not a setting; ${hint}`
}
