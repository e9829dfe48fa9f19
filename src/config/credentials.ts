import type { WeightedCredential } from '../proxy/credential-pool.ts'
import { createSecret } from '../secret.ts'
import type { CredentialPolicy } from './policy-file.ts'
import {
  readSecretFile,
  readSecretText,
  type SecretInput,
  secretProblem,
} from './secret-sources.ts'

/** Several credentials in one text: by comma in a variable, one a line in a file. */
const SEPARATOR = /[,\r\n]+/

const PROVIDER_PREFIX = /^(?:hk|sk)-/

/** What a key holds at least behind its prefix: local upstreams take `none` and `test`. */
const MIN_SECRET_LENGTH = 4

/** The credentials in `NAME`, or in the file that `NAME_FILE` names; none when neither is set. */
export function readCredentials(
  input: SecretInput,
  name: string,
  weight = 1,
): readonly WeightedCredential[] {
  return parse(readSecretText(input, name, credentialsProblem), weight)
}

/** The credentials of a list in the YAML; `where` is its name there. */
export function readCredentialList(
  input: SecretInput,
  list: readonly CredentialPolicy[],
  where: string,
): readonly WeightedCredential[] {
  return list.flatMap(({ file, env, weight }, index) => {
    const place = `${where}.${index}`
    if (file !== undefined) {
      const source = { name: `${place}.file`, path: file }
      return parse(readSecretFile(input, source, credentialsProblem), weight)
    }
    const before = input.problems.length
    const credentials = readCredentials(input, env ?? '', weight)
    if (credentials.length === 0 && input.problems.length === before) {
      input.problems.push(`${env}: is not set; ${place} needs the key in it`)
    }
    return credentials
  })
}

function parse(text: string | undefined, weight: number): readonly WeightedCredential[] {
  return split(text ?? '').map((value) => ({ credential: createSecret(value), weight }))
}

const split = (text: string): string[] =>
  text
    .split(SEPARATOR)
    .map((part) => part.trim())
    .filter((part) => part !== '')

function credentialsProblem(text: string): string | undefined {
  const values = split(text)
  if (values.length < 2) return credentialProblem(values[0] ?? '')
  const problems = values.flatMap((value, index) => {
    const problem = credentialProblem(value)
    return problem === undefined ? [] : [`key ${index + 1} of ${values.length} ${problem}`]
  })
  return problems.length === 0 ? undefined : problems.join('; ')
}

function credentialProblem(value: string): string | undefined {
  const problem = secretProblem(value)
  const isNone = value.replace(PROVIDER_PREFIX, '').length < MIN_SECRET_LENGTH
  if (problem !== undefined || !isNone) return problem
  return 'is too short for a key; check how it was pasted'
}
