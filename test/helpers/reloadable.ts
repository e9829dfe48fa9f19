import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { hashClientToken } from '../../src/clients/client-token.ts'
import { createFolder } from './folder.ts'
import { TEST_CREDENTIAL } from './gateway.ts'
import { type KeystowProcess, listeningPort, startProcess } from './process.ts'

/** A running process whose settings a test changes. */
export interface Reloadable {
  readonly keystow: KeystowProcess
  readonly folder: string
  /** Writes the YAML file anew. */
  write(yaml: string): void
  /** Sends SIGHUP and waits for the line that this must have written. */
  hangUp(line: RegExp): Promise<void>
  /** Waits for a line to be written after what has been waited for before. */
  waitForNext(line: RegExp): Promise<void>
  fetch(path: string, token?: string, init?: RequestInit): Promise<Response>
  /** The status of a request. */
  status(path: string, token?: string): Promise<number>
}

interface StartOptions {
  readonly upstream: string
  readonly yaml: string
  readonly env?: Readonly<Record<string, string>>
  readonly dotenv?: string
}

/** The YAML of a client whose token is `ks-test-<id>`. */
export function clientYaml(id: string, rest = ''): string {
  return `  - { id: ${id}, tokenHash: ${hashClientToken(`ks-test-${id}`).toString('hex')}${rest} }\n`
}

export async function startReloadable(options: StartOptions): Promise<Reloadable> {
  const folder = createFolder()
  const path = join(folder, 'keystow.yaml')
  writeFileSync(path, options.yaml)
  if (options.dotenv !== undefined) writeFileSync(join(folder, '.env'), options.dotenv)
  const keystow = startProcess({
    cwd: folder,
    env: {
      KEYSTOW_CONFIG: path,
      PORT: '0',
      UPSTREAM_URL: options.upstream,
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      ...options.env,
    },
  })
  const origin = `http://127.0.0.1:${await listeningPort(keystow)}`
  let read = keystow.stdout().length

  async function waitForNext(line: RegExp): Promise<void> {
    const flags = line.flags.replace(/[gy]/g, '')
    for (;;) {
      const match = new RegExp(line.source, flags).exec(keystow.stdout().slice(read))
      if (match !== null) {
        read += match.index + match[0].length
        return
      }
      await keystow.waitForMore()
    }
  }
  const fetchAs: Reloadable['fetch'] = (path, token, init = {}) =>
    fetch(origin + path, {
      ...init,
      headers: {
        ...(token !== undefined && { authorization: `Bearer ks-test-${token}` }),
        ...Object.fromEntries(new Headers(init.headers)),
      },
    })

  return {
    keystow,
    folder,
    write: (yaml) => writeFileSync(path, yaml),
    async hangUp(line) {
      keystow.child.kill('SIGHUP')
      await waitForNext(line)
    },
    waitForNext,
    fetch: fetchAs,
    async status(path, token) {
      const response = await fetchAs(path, token)
      await response.text()
      return response.status
    },
  }
}
