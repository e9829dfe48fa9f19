import { parseArgs } from 'node:util'

import type { ContenderId } from './contenders/contender.ts'
import { CONTENDERS } from './contenders/contenders.ts'

const COMMANDS = ['smoke', 'full', 'profile', 'taps', 'ledger', 'billing'] as const

export type Command = (typeof COMMANDS)[number]

/** What would have no effect is refused: whoever gives it believes that it has. */
const TAKES: Readonly<Record<Command, readonly string[]>> = {
  smoke: ['write', 'anew', 'node'],
  full: ['write', 'anew', 'rounds', 'only', 'node'],
  profile: ['node', 'tls'],
  billing: [],
  taps: [],
  ledger: [],
}

export interface Options {
  readonly write: boolean
  readonly anew: boolean
  readonly rounds: number
  /** All that are installed without it. */
  readonly only: readonly ContenderId[] | undefined
  readonly node: string
  readonly tls: boolean
}

/** Says what is wrong with what the benchmark was called with. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
}

const IDS = CONTENDERS.map(({ id }) => id)

/** The middle of fewer is none that was measured, and says little. */
const WRITTEN_ROUNDS = 3

export const USAGE = `npm run bench -- smoke|full|profile|taps|ledger|billing [options]

  smoke    processor time a request and an event beside http-proxy, and nginx if it is there; under two minutes.
           Fails when Keystow has become slower by half than bench/recorded.json says, or cannot do something
  full     every contender that is installed, every figure, and smoke, whose failure is its own; about twenty-seven
           minutes
  profile  where Keystow spends its processor time
  billing  10,000 requests in the ledger beside the built-in upstream's bill; some minutes. Fails when they differ
  taps     what meter, scan and ledger take of an event and of a request together; half a minute
  ledger   what the embedded ledger costs the event loop at 5,000 entries a second; half a minute

  --write         put what was measured into the READMEs, docs/ and bench/; bench/recorded.json keeps the
                  lesser ratio of what it has and what was measured. All contenders and at least ${WRITTEN_ROUNDS} rounds
  --anew          with --write: what was measured takes the place of what is recorded, also where it is more
  --rounds=5      full: how often what counts most is measured
  --only=a,b      full: these contenders (${IDS.join(', ')})
  --node=PATH     the Node that runs Keystow, http-proxy and Node alone
  --tls           profile: with TLS to the upstream
`

/** What to do; throws a UsageError for whatever would be done otherwise than it was meant. */
export function parseArguments(args: readonly string[]): { command: Command; options: Options } {
  const { values, positionals, tokens } = parseWords(args)
  const [name, ...rest] = positionals
  const command = COMMANDS.find((known) => known === name)
  if (command === undefined) throw new UsageError(`${name ?? 'nothing'}: not a command`)
  if (rest.length > 0) throw new UsageError(`${rest.join(' ')}: more than one command`)
  for (const token of tokens) {
    if (token.kind === 'option' && !TAKES[command].includes(token.name)) {
      throw new UsageError(`--${token.name}: nothing that ${command} takes`)
    }
  }
  if (values.anew && !values.write) throw new UsageError('--anew: only with --write')
  const only = values.only === undefined ? undefined : parseOnly(values.only)
  const options = { ...values, rounds: parseRounds(values.rounds), only }
  if (options.write) refuseToWriteLess(options)
  return { command, options }
}

function parseWords(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      allowPositionals: true,
      tokens: true,
      options: {
        write: { type: 'boolean', default: false },
        anew: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '5' },
        only: { type: 'string' },
        node: { type: 'string', default: process.execPath },
        tls: { type: 'boolean', default: false },
      },
    })
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error))
  }
}

function parseRounds(text: string): number {
  if (!/^[1-9]\d?$/.test(text)) throw new UsageError(`--rounds=${text}: not a number from 1 to 99`)
  return Number(text)
}

function parseOnly(text: string): ContenderId[] {
  return text.split(',').map((word) => {
    const id = IDS.find((known) => known === word)
    if (id === undefined) throw new UsageError(`--only=${text}: ${word || 'nothing'}: no contender`)
    return id
  })
}

/** The pages would show a part as if it were all. */
function refuseToWriteLess({ rounds, only }: Pick<Options, 'rounds' | 'only'>): void {
  if (only !== undefined) throw new UsageError('--write with --only: the others would be missing')
  if (rounds < WRITTEN_ROUNDS) {
    throw new UsageError(`--write with --rounds=${rounds}: at least ${WRITTEN_ROUNDS} are needed`)
  }
}
