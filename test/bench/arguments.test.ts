import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

import { describe, expect, it } from 'vitest'

import { parseArguments, UsageError } from '../../bench/arguments.ts'

const RUN = fileURLToPath(new URL('../../bench/run.ts', import.meta.url))
const EX_USAGE = 64

describe('parseArguments', () => {
  it('reads what is to be done', () => {
    expect(parseArguments(['full', '--rounds=7', '--only=nginx,keystow'])).toEqual({
      command: 'full',
      options: {
        write: false,
        anew: false,
        rounds: 7,
        only: ['nginx', 'keystow'],
        node: process.execPath,
        tls: false,
      },
    })
    const { options } = parseArguments(['full', '--write', '--rounds=3'])
    expect(options).toMatchObject({ write: true, rounds: 3, only: undefined })
    expect(parseArguments(['smoke']).options).toMatchObject({ write: false, rounds: 5 })
  })

  it.each([
    ['full --rounds=abc', '--rounds=abc: not a number from 1 to 99'],
    ['full --rounds=0', '--rounds=0: not a number'],
    ['full --rounds=-3', '--rounds=-3: not a number'],
    ['full --rounds=2.5', '--rounds=2.5: not a number'],
    ['full --rounds=', '--rounds=: not a number'],
    ['full --only=keysto', '--only=keysto: keysto: no contender'],
    ['full --only=nginx,', '--only=nginx,: nothing: no contender'],
    ['full --only=direct', '--only=direct: direct: no contender'],
    ['full --write --only=keystow', '--write with --only'],
    ['full --write --rounds=2', '--write with --rounds=2: at least 3'],
    ['full --writ', "Unknown option '--writ'"],
    ['smoke --anew', '--anew: only with --write'],
    ['smoke --rounds=4', '--rounds: nothing that smoke takes'],
    ['full --tls', '--tls: nothing that full takes'],
    ['taps --write', '--write: nothing that taps takes'],
    ['full smoke', 'smoke: more than one command'],
    ['fast', 'fast: not a command'],
    ['', 'nothing: not a command'],
  ])('refuses "%s", and says why', (line, message) => {
    const parse = () => parseArguments(line.split(' ').filter((word) => word !== ''))
    expect(parse).toThrow(UsageError)
    expect(parse).toThrow(message)
  })
})

it('ends with 64, the usage and what is wrong', () => {
  const words = [RUN, 'full', '--write', '--rounds=abc']
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  expect(status).toBe(EX_USAGE)
  expect(stderr).toContain('npm run bench -- smoke|full')
  expect(stderr.trimEnd().split('\n').at(-1)).toBe('--rounds=abc: not a number from 1 to 99')
})
