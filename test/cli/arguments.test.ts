import { describe, expect, it } from 'vitest'

import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { startNpm, startProcess } from '../helpers/process.ts'

// Somebody who mistypes --check, or asks a program for help, has not told it to serve, to make a token or to change
// the ledger.

const EXIT_USAGE = 64
const env = { PORT: '0', UPSTREAM_API_KEY: TEST_CREDENTIAL }

const SERVER = 'src/server.ts'
const RECONCILE = 'src/cli/reconcile.ts'
const COMMANDS = [SERVER, 'src/cli/demo.ts', 'src/cli/token.ts', RECONCILE] as const

describe.each(COMMANDS)('%s', (script) => {
  it('prints help, and does no more', async () => {
    const command = startProcess({ script, args: ['--help'], env })
    expect(await command.exited).toBe(0)
    expect(command.stdout()).toMatch(/^npm (?:start|run \w+)/)
    expect(command.stdout()).toContain('--help')
    expect(command.stdout()).not.toMatch(/ks-[0-9A-Za-z]{43}/)
    expect(command.stderr()).toBe('')
  })

  it.each(['--hlep', '-hlep', 'hlep'])('names the nearest option for %s', async (typed) => {
    const command = startProcess({ script, args: [typed], env })
    expect(await command.exited).toBe(EXIT_USAGE)
    expect(command.stderr()).toMatch(/^\S+: is not an option; did you mean --help\?$/m)
    expect(command.stderr()).toContain('\nnpm ')
    expect(command.stdout()).toBe('')
  })
})

describe('a wrong option', () => {
  it.each<[string, string, string[], string]>([
    ['nearly --check', SERVER, ['--chekc'], '--chekc: is not an option; did you mean --check?'],
    ['one dash', SERVER, ['-check'], '-check: is not an option; did you mean --check?'],
    ['nothing like one', SERVER, ['--verbose'], '--verbose: is not an option; known are --check, '],
    ['beside a right one', SERVER, ['--check', 'x.yaml'], 'x.yaml: is not an option; known are'],
    ['a value too many', SERVER, ['--check=yes'], '--check: takes no value; write --check alone'],
    ['a value too few', RECONCILE, ['--from'], '--from: needs a value; write --from=…'],
    ['an option as value', RECONCILE, ['--from', '--json'], '--from: needs a value; write --from='],
    ['nearly --dry-run', RECONCILE, ['--dryrun'], '--dryrun: is not an option; did you mean --dry'],
    ['no day', RECONCILE, ['--from=yesterday'], 'from'],
  ])('(%s) is named, and ends the process', async (_what, script, args, message) => {
    const command = startProcess({ script, args, env })
    expect(await command.exited).toBe(EXIT_USAGE)
    expect(command.stderr()).toContain(message)
    expect(command.stdout()).toBe('')
  })
})

// `npm run reconcile --dry-run` gives npm the option, and the script would change the ledger.
describe('an option that npm keeps for itself', () => {
  it.each([
    ['start --check', '--check: was kept by npm; write npm start -- --check'],
    ['run reconcile --dry-run', '--dry-run: was kept by npm; write npm run reconcile -- --dry-run'],
  ])('(npm %s) is named, and ends the process', async (line, message) => {
    const npm = startNpm({ args: line.split(' '), env })
    expect(await npm.exited).toBe(EXIT_USAGE)
    expect(npm.stderr()).toContain(message)
  })

  it('is none when it is handed on', async () => {
    const npm = startNpm({ args: ['start', '--', '--check'], env })
    expect(await npm.exited).toBe(0)
    expect(npm.stdout()).toContain('The configuration is valid.')
  })
})
