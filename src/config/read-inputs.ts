import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { config as loadDotenv } from 'dotenv'

import type { Environment } from './secret-sources.ts'
import type { YamlFile } from './yaml-file.ts'

/** What a configuration is made from, as it is at this moment. */
export interface Inputs {
  readonly env: Environment
  /** The YAML file, if there is one. */
  readonly file?: YamlFile
  /** Why the YAML file cannot be read. */
  readonly problem?: string
  /** The files that were read, or would have been. */
  readonly paths: readonly string[]
}

const DOTENV_FILE = '.env'
const DEFAULT_CONFIG_FILE = fileURLToPath(new URL('../../config/keystow.yaml', import.meta.url))

/** What the server is configured by. */
export const readServerInputs = (processEnv: Environment): Inputs =>
  readInputs(processEnv, DEFAULT_CONFIG_FILE)

/** Reads `.env`, which fills in what the environment leaves out, and the YAML file. */
export function readInputs(processEnv: Environment, defaultFile: string): Inputs {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(processEnv)) {
    if (value !== undefined) env[name] = value
  }
  loadDotenv({ quiet: true, processEnv: env })
  const named = env['KEYSTOW_CONFIG'] ?? ''
  const name = named === '' ? defaultFile : named
  const paths = [name, DOTENV_FILE]
  try {
    return { env, paths, file: { name, text: readFileSync(name, 'utf8') } }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown'
    if (code !== 'ENOENT') {
      // It holds clients and limits: never go on without it.
      const problem = `${name}: cannot be read (${code}); let the user of this process read it`
      return { env, paths, problem }
    }
    if (named === '') return { env, paths }
    const problem = 'KEYSTOW_CONFIG: the file does not exist; name the YAML file with the settings'
    return { env, paths, problem }
  }
}
