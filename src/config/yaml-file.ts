import { parseDocument } from 'yaml'

import { unknownKey } from './problems.ts'

/** Secrets, and what points to files: never in a file that is passed around. */
const ENVIRONMENT_ONLY: ReadonlyMap<string, string> = new Map(
  [
    'UPSTREAM_API_KEY',
    'UPSTREAM_API_KEY_FILE',
    'CLIENT_TOKENS',
    'ADMIN_TOKEN',
    'ADMIN_TOKEN_FILE',
    'KEYSTOW_CONFIG',
  ].map((name) => [bare(name), name]),
)

export interface YamlFile {
  /** Its path, for messages. */
  readonly name: string
  readonly text: string
}

/** The top level of a YAML file, undefined when it is not known; what is wrong with it goes into `problems`. */
export function parseYaml(
  file: YamlFile | undefined,
  knownKeys: readonly string[],
  problems: string[],
): Readonly<Record<string, unknown>> | undefined {
  if (file === undefined) return {}
  const document = parseDocument(file.text, { prettyErrors: true, logLevel: 'error' })
  for (const error of document.errors) {
    problems.push(`${file.name}: ${firstLine(error.message)}; fix the YAML there`)
  }
  if (document.errors.length > 0) return undefined
  const before = problems.length
  const content = toContent(document, file.name, problems) ?? {}
  if (problems.length > before) return undefined
  if (!isRecord(content)) {
    problems.push(`${file.name}: is not a list of settings; write one "name: value" a line`)
    return undefined
  }
  for (const key of Object.keys(content)) {
    if (!knownKeys.includes(key)) problems.push(`${file.name}: ${describeKey(key, knownKeys)}`)
  }
  return content
}

function describeKey(key: string, knownKeys: readonly string[]): string {
  const variable = ENVIRONMENT_ONLY.get(bare(key))
  if (variable === undefined) return unknownKey(key, key, knownKeys)
  return `${key}: is read from the environment alone; set ${variable} there or in .env`
}

/** A name without what tells YAML's spelling from the environment's. */
function bare(name: string): string {
  return name.replaceAll(/[_-]/g, '').toLowerCase()
}

/** Aliases are resolved only here: one that leads nowhere, or to far too much, is thrown at whoever looks. */
function toContent(
  document: ReturnType<typeof parseDocument>,
  name: string,
  problems: string[],
): unknown {
  try {
    return document.toJS()
  } catch (error) {
    const reason = error instanceof Error ? firstLine(error.message) : ''
    problems.push(`${name}: ${reason}; fix the YAML there`)
    return undefined
  }
}

const firstLine = (text: string): string => text.split('\n', 1)[0]?.replace(/:$/, '') ?? ''

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
