import { readFileSync } from 'node:fs'

import { createSecret, type Secret } from '../secret.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Values that documents show in place of a secret, in English and Chinese. */
const SAMPLE =
  /^(?:(?:hk|sk|ks)-)?(?:x{3,}|\.{3,}|…|\*{3,}|your.*|my.*key|replace.*|change.?me|example.*|<.*>|替换.*|你的.*)$/iu

/** What may stand in a header value (RFC 9110 section 5.5), without spaces: 33 to 126. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/

interface SecretSource {
  readonly secret: Secret | undefined
  readonly problems: readonly string[]
}

/** Reads a secret from `NAME` or `NAME_FILE`, exactly one of them. Problems never hold the value. */
export function readSecret(env: Environment, name: string): SecretSource {
  const direct = env[name] ?? ''
  const file = env[`${name}_FILE`] ?? ''
  if (direct !== '' && file !== '') {
    return fail(`${name}: is set together with ${name}_FILE; keep one of the two`)
  }
  if (direct !== '') return accept(name, direct)
  if (file === '') return { secret: undefined, problems: [] }
  try {
    // Editors and `echo` end a file with a newline that is no part of the secret.
    return accept(`${name}_FILE`, readFileSync(file, 'utf8').trim())
  } catch (error) {
    return fail(`${name}_FILE: ${readProblem(error)}; name a file that this process can read`)
  }
}

/** Why a secret cannot be used, or undefined when it can. */
export function secretProblem(value: string): string | undefined {
  if (value === '') return 'is empty; put the secret into it'
  if (SAMPLE.test(value)) return 'is a sample from a document; put the real secret there'
  if (!VISIBLE_ASCII.test(value)) {
    return 'holds a space, a line break or another character that cannot stand in a header; check how it was pasted'
  }
  return undefined
}

function accept(name: string, value: string): SecretSource {
  const problem = secretProblem(value)
  return problem === undefined
    ? { secret: createSecret(value), problems: [] }
    : fail(`${name}: ${problem}`)
}

const fail = (problem: string): SecretSource => ({ secret: undefined, problems: [problem] })

function readProblem(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  if (code === 'ENOENT') return 'the file does not exist'
  if (code === 'EACCES') return 'the file may not be read'
  if (code === 'EISDIR') return 'it is a folder'
  return 'the file cannot be read'
}
