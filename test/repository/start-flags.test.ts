import { readFileSync } from 'node:fs'

import { describe, expect, it } from 'vitest'

import { keystow } from '../../bench/contenders/keystow.ts'
import { nodeAlone } from '../../bench/contenders/node-alone.ts'
import { flagsOf, START_FLAGS as FLAGS } from '../helpers/start-flags.ts'

const readText = (name: string): string =>
  readFileSync(new URL(`../../${name}`, import.meta.url), 'utf8')

// Node reads what it has compiled only with the flags that it was compiled with.
describe('the flags that npm start gives to Node', () => {
  it('are those of decision 018', () => {
    const told = /`(--[^`]+)`/.exec(readText('docs/decisions/018-pauses.md'))?.[1]
    expect(told?.split(' ')).toEqual(FLAGS)
  })

  it.each(['CMD', 'RUN'])('are those of %s in the Dockerfile', (instruction) => {
    const line = readText('Dockerfile')
      .split('\n')
      .find((text) => text.startsWith(`${instruction} [`))
    expect(flagsOf(line ?? '').filter((flag) => flag !== '--help')).toEqual(FLAGS)
  })

  it.each(['README.md', 'README.zh-CN.md'])('are those of a unit of systemd in %s', (name) => {
    const command = /bin\/node (--[^`]+) src\/server\.ts/.exec(readText(name))?.[1]
    expect(command?.split(' ')).toEqual(FLAGS)
  })

  it.each([keystow, nodeAlone])('are those of the benchmark for $label', (contender) => {
    const site = { port: 1, upstreamPort: 2, caFile: undefined, folder: '/', node: 'node' }
    expect(flagsOf(contender.launch(site).command.join(' '))).toEqual(FLAGS)
  })
})
