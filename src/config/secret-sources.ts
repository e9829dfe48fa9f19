import { readFileSync, statSync } from 'node:fs'

import { MIN_TOKEN_LENGTH } from '../clients/client-token.ts'
import { createSecret, type Secret } from '../secret.ts'
import { codeOf } from '../thrown.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/** Values that documents show in place of a secret, in English and Chinese. */
const SAMPLE =
  /^(?:(?:hk|sk|ks)-)?(?:x{3,}|\.{3,}|…|\*{3,}|your.*|my.*key|replace.*|change.?me|example.*|<.*>|替换.*|你的.*)$/iu

/** What may stand in a header value (RFC 9110 section 5.5), without spaces: 33 to 126. */
const VISIBLE_ASCII = /^[\x21-\x7e]+$/

/** Docker's `--env-file`, unlike a shell and dotenv, takes quotes for part of the value. */
const IN_QUOTES = /^(["'`]).*\1$/

/** Why a text cannot be used, or undefined when it can. */
type FindProblem = (text: string) => string | undefined

/** Where secrets are read from, and what is found out on the way. No line ever holds a value. */
export interface SecretInput {
  readonly env: Environment
  readonly files: SecretFiles
  readonly problems: string[]
  /** What is wrong and was got round. */
  readonly notices: string[]
  /** The files that were named. */
  readonly named: Set<string>
}

/** Reads files that hold secrets. */
export interface SecretFiles {
  /** The file's text without the white space around it, or why it cannot be used. */
  read(path: string, findProblem: FindProblem): FileText
}

type FileText =
  | { readonly text: string; readonly notice?: string; readonly problem?: never }
  | { readonly text?: never; readonly problem: string }

/**
 * Remembers of each file what could last be used: one that is emptied or goes missing while the process runs takes
 * nothing away from it.
 */
export function createSecretFiles(): SecretFiles {
  const lastGood = new Map<string, Secret>()
  return {
    read(path, findProblem) {
      const before = lastGood.get(path)?.reveal()
      const { text, problem: readProblem } = readText(path, before)
      const problem = text === undefined ? readProblem : findProblem(text)
      if (text !== undefined && problem === undefined) {
        if (text !== before) lastGood.set(path, createSecret(text))
        return { text }
      }
      if (before === undefined) return { problem: problem ?? '' }
      return { text: before, notice: `${problem} (what it held before stays in use)` }
    },
  }
}

/** Reads a token from `NAME` or `NAME_FILE`, at most one of them. */
export function readToken(input: SecretInput, name: string): Secret | undefined {
  const text = readSecretText(input, name, tokenProblem)
  return text === undefined ? undefined : createSecret(text)
}

/** Reads a text from `NAME` or the file that `NAME_FILE` names, if it can be used. */
export function readSecretText(
  input: SecretInput,
  name: string,
  findProblem: FindProblem,
): string | undefined {
  const direct = input.env[name] ?? ''
  const file = input.env[`${name}_FILE`] ?? ''
  if (direct !== '' && file !== '') {
    input.problems.push(`${name}: is set together with ${name}_FILE; keep one of the two`)
    return undefined
  }
  if (file !== '') return readSecretFile(input, { name: `${name}_FILE`, path: file }, findProblem)
  if (direct === '') return undefined
  const problem = findProblem(direct)
  if (problem === undefined) return direct
  input.problems.push(`${name}: ${problem}`)
  return undefined
}

/** Reads the text of a file that a setting of this name names, if it can be used. */
export function readSecretFile(
  input: SecretInput,
  { name, path }: { readonly name: string; readonly path: string },
  findProblem: FindProblem,
): string | undefined {
  input.named.add(path)
  const file = input.files.read(path, findProblem)
  if (file.problem !== undefined) input.problems.push(`${name}: ${file.problem}`)
  else if (file.notice !== undefined) input.notices.push(`${name}: ${file.notice}`)
  return file.text
}

/** Why a secret cannot be used, or undefined when it can. */
export function secretProblem(value: string): string | undefined {
  if (value === '') return 'is empty; put the secret into it'
  if (IN_QUOTES.test(value)) return 'stands in quotes, which would be sent too; take them away'
  if (SAMPLE.test(value)) return 'is a sample from a document; put the real secret there'
  if (!VISIBLE_ASCII.test(value)) {
    return 'holds a space, a line break or another character that cannot stand in a header; check how it was pasted'
  }
  return undefined
}

/** The same of a token, which somebody could guess. */
export function tokenProblem(value: string): string | undefined {
  const problem = secretProblem(value)
  if (problem !== undefined || value.length >= MIN_TOKEN_LENGTH) return problem
  return `is shorter than ${MIN_TOKEN_LENGTH} characters, so that it can be guessed; npm run token makes one`
}

function readText(path: string, before: string | undefined): FileText {
  try {
    // A pipe gives what it holds once, and then keeps its reader waiting.
    if (before !== undefined && statSync(path).isFIFO()) return { text: before }
    // Editors and `echo` end a file with a newline that is no part of the secret.
    return { text: readFileSync(path, 'utf8').trim() }
  } catch (error) {
    return { problem: `${readProblem(error)}; name a file that this process can read` }
  }
}

function readProblem(error: unknown): string {
  const code = codeOf(error)
  if (code === 'ENOENT') return 'the file does not exist'
  if (code === 'EACCES') return 'the file may not be read'
  if (code === 'EISDIR') return 'it is a folder'
  return 'the file cannot be read'
}
