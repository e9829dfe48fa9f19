import { execFileSync } from 'node:child_process'

import { expect, it } from 'vitest'

import { TEST_CREDENTIAL } from '../helpers/gateway.ts'
import { listeningPort, startProcess } from '../helpers/process.ts'
import { START_FLAGS } from '../helpers/start-flags.ts'

const TELL = 'process.stdout.write(String(require("node:v8").cachedDataVersionTag()))'

const startedWith = (...flags: readonly string[]): string =>
  execFileSync(process.execPath, [...flags, '--eval', TELL], { encoding: 'utf8' })

it('is soon as if it had been started without pretenuring', async () => {
  const server = startProcess({
    script: 'test/behaviour/telling-flags.ts',
    env: { PORT: '0', UPSTREAM_API_KEY: TEST_CREDENTIAL },
  })
  await listeningPort(server)

  function flags(): string | undefined {
    server.child.kill('SIGUSR2')
    return [...server.stdout().matchAll(/flags: (\d+)\n/g)].at(-1)?.[1]
  }

  await expect
    .poll(flags, { timeout: 10_000, interval: 200 })
    .toBe(startedWith(...START_FLAGS, '--no-allocation-site-pretenuring'))
})
