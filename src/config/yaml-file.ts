import { parseDocument } from 'yaml'

import { unknownKey } from './problems.ts'

export interface YamlFile {
  /** Its path, for messages. */
  readonly name: string
  readonly text: string
}

/** The top level of a YAML file; what is wrong with it goes into `problems`. */
export function parseYaml(
  file: YamlFile | undefined,
  knownKeys: readonly string[],
  problems: string[],
): Readonly<Record<string, unknown>> {
  if (file === undefined) return {}
  const document = parseDocument(file.text, { prettyErrors: true })
  for (const error of document.errors) {
    problems.push(`${file.name}: ${firstLine(error.message)}; fix the YAML there`)
  }
  if (document.errors.length > 0) return {}
  const content: unknown = document.toJS() ?? {}
  if (!isRecord(content)) {
    problems.push(`${file.name}: is not a list of settings; write one "name: value" a line`)
    return {}
  }
  for (const key of Object.keys(content)) {
    if (!knownKeys.includes(key)) problems.push(unknownKey(`${file.name}: ${key}`, key, knownKeys))
  }
  return content
}

const firstLine = (text: string): string => text.split('\n', 1)[0]?.replace(/:$/, '') ?? ''

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
