import { parseArgs } from 'node:util'

import { nearestKey } from '../config/nearest-key.ts'
import { EXIT_USAGE } from './exit-codes.ts'

type OptionKinds = Readonly<Record<string, 'boolean' | 'string'>>

interface Command<Kinds extends OptionKinds> {
  /** What `--help` prints. */
  readonly usage: string
  readonly options: Kinds
}

interface Arguments<Name> {
  isSet(name: Name): boolean
  textOf(name: Name): string | undefined
}

/** Reads the command line. Help, and what is not understood, end the process before it has done anything. */
export function readArguments<Kinds extends OptionKinds>(
  command: Command<Kinds>,
): Arguments<keyof Kinds & string> {
  const kinds: OptionKinds = { ...command.options, help: 'boolean' }
  const options = Object.fromEntries(Object.entries(kinds).map(([name, type]) => [name, { type }]))
  const args = process.argv.slice(2)
  const { values, tokens } = parseArgs({ args, options, strict: false, tokens: true })
  if (values['help'] === true) {
    process.stdout.write(command.usage)
    process.exit(0)
  }
  const problems = [
    ...tokens.flatMap((token) => describeToken(token, args[token.index] ?? '', kinds)),
    ...keptByNpm(Object.keys(command.options).filter((name) => !(name in values))),
  ]
  // Letters behind one dash are an option each.
  if (problems.length > 0) failUsage([...new Set(problems)], command.usage)
  return {
    isSet: (name) => name in values,
    textOf(name) {
      const value = values[name]
      return typeof value === 'string' ? value : undefined
    },
  }
}

/** Ends the process that was called in a way that it does not know. */
export function failUsage(problems: readonly string[], usage: string): never {
  process.stderr.write(`${problems.map((line) => `${line}\n`).join('')}\n${usage}`)
  process.exit(EXIT_USAGE)
}

type Token = NonNullable<ReturnType<typeof parseArgs>['tokens']>[number]

function describeToken(token: Token, typed: string, kinds: OptionKinds): string[] {
  if (token.kind === 'option-terminator') return []
  const kind = token.kind === 'option' ? kinds[token.name] : undefined
  if (token.kind === 'positional' || kind === undefined) return [unknownOption(typed, kinds)]
  const { rawName, value, inlineValue } = token
  if (kind === 'boolean') {
    return value === undefined ? [] : [`${rawName}: takes no value; write ${rawName} alone`]
  }
  const isNextOption = value?.startsWith('-') === true && !inlineValue
  const isMissing = value === undefined || value === '' || isNextOption
  return isMissing ? [`${rawName}: needs a value; write ${rawName}=…`] : []
}

function unknownOption(typed: string, kinds: OptionKinds): string {
  const known = Object.keys(kinds).map((name) => `--${name}`)
  const nearest = nearestKey(`--${typed.replace(/^-*/, '')}`, known)
  const hint = nearest === undefined ? `known are ${known.join(', ')}` : `did you mean ${nearest}?`
  return `${typed}: is not an option; ${hint}`
}

/** Without `--` npm takes options for its own, says little or nothing, and the script runs as if none were given. */
function keptByNpm(names: readonly string[]): string[] {
  const script = process.env['npm_lifecycle_event']
  if (script === undefined) return []
  const run = script === 'start' ? 'npm start' : `npm run ${script}`
  return names
    .filter((name) => (process.env[`npm_config_${name.replaceAll('-', '_')}`] ?? '') !== '')
    .map((name) => `--${name}: was kept by npm; write ${run} -- --${name}`)
}
