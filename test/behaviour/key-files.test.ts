import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import type { ServerResponse } from 'node:http'
import { join } from 'node:path'

import { describe, expect, it } from 'vitest'

import { createFolder } from '../helpers/folder.ts'
import { clientYaml, type Reloadable, startReloadable } from '../helpers/reloadable.ts'
import { type Handler, startUpstream, type Upstream } from '../helpers/upstream.ts'

// A key is replaced because it ran out or leaked. Whoever does that at night does not want to restart what a hundred
// people stream through; and a file that is empty for a moment must not take the last key away.

const OLD = 'hk-test-old-0123456789abcdefghijklmnopqrstuvwxyz'
const NEW = 'hk-test-new-0123456789abcdefghijklmnopqrstuvwxyz'
const ALICE = `clients:\n${clientYaml('alice')}`
const RELOADED = /"reason":"changed: .*"msg":"reloaded"/

const ok: Handler = (_request, response) => response.end('{}')

interface Stage extends Reloadable {
  readonly upstream: Upstream
  /** What a request goes out with. */
  authorization(): Promise<string | undefined>
}

async function start(path: string, handler = ok): Promise<Stage> {
  const upstream = await startUpstream(handler)
  const running = await startReloadable({
    upstream: upstream.origin,
    yaml: ALICE,
    env: { UPSTREAM_API_KEY: '', UPSTREAM_API_KEY_FILE: path, LOG_LEVEL: 'trace' },
  })
  return {
    ...running,
    upstream,
    async authorization() {
      await running.status('/v1/models', 'alice')
      return upstream.received.at(-1)?.message.headers.authorization
    },
  }
}

function createKeyFile(text = `${OLD}\n`): string {
  const path = join(createFolder(), 'key')
  writeFileSync(path, text)
  return path
}

/** A folder laid out as Kubernetes mounts a secret; `swap` replaces it at once. */
function createMount() {
  const folder = createFolder()
  const link = (name: string): void => {
    symlinkSync(name, join(folder, '..tmp'))
    renameSync(join(folder, '..tmp'), join(folder, '..data'))
  }
  const add = (name: string, text: string): void => {
    mkdirSync(join(folder, name))
    writeFileSync(join(folder, name, 'key'), text)
    link(name)
  }
  add('..1', OLD)
  symlinkSync('..data/key', join(folder, 'key'))
  return { path: join(folder, 'key'), swap: (text: string) => add('..2', text) }
}

function expectNoKey(text: string): void {
  for (const key of [OLD, NEW]) expect(text).not.toContain(key.slice('hk-'.length))
}

describe('a key file', () => {
  it('that is swapped is taken up while a stream runs', async () => {
    const streams: ServerResponse[] = []
    const mount = createMount()
    const running = await start(mount.path, ({ message }, response) => {
      if (message.method === 'GET') return response.end('{}')
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: {"a":1}\n\n')
      return streams.push(response)
    })
    expect(await running.authorization()).toBe(`Bearer ${OLD}`)
    const stream = await running.fetch('/v1/chat/completions', 'alice', { method: 'POST' })
    mount.swap(NEW)
    await running.waitForNext(RELOADED)
    expect(await running.authorization()).toBe(`Bearer ${NEW}`)
    streams[0]?.end(`data: {"old":"${OLD}","new":"${NEW}"}\n\ndata: [DONE]\n\n`)
    const text = await stream.text()
    expect(text).toContain('data: {"old":"hk-[redacted]","new":"hk-[redacted]"}')
    expect(text).toMatch(/data: \[DONE\]\n\n$/)
    expectNoKey(running.keystow.stdout())
  })

  it('that is renamed into place is taken up, and the old key is still redacted', async () => {
    const path = createKeyFile()
    const running = await start(path, (_request, response) => response.end(OLD))
    writeFileSync(`${path}.new`, NEW)
    renameSync(`${path}.new`, path)
    await running.waitForNext(RELOADED)
    expect(await running.authorization()).toBe(`Bearer ${NEW}`)
    const response = await running.fetch(`/v1/models/${OLD}`, 'alice')
    expect(await response.text()).toMatch(/^hk-\[redacted\]/)
    expectNoKey(running.keystow.stdout())
  })

  it('of the YAML is taken up too, and several keys in it', async () => {
    const path = createKeyFile()
    const upstream = await startUpstream(ok)
    const fromYaml = await startReloadable({
      upstream: upstream.origin,
      yaml: `${ALICE}credentials: [{ file: ${path} }]\n`,
      env: { UPSTREAM_API_KEY: '' },
    })
    writeFileSync(path, `${OLD}\n${NEW}\n`)
    await fromYaml.waitForNext(RELOADED)
    for (let i = 0; i < 4; i++) await fromYaml.status('/v1/models', 'alice')
    const keys = upstream.received.map(({ message }) => message.headers.authorization)
    expect(keys).toEqual([OLD, NEW, OLD, NEW].map((key) => `Bearer ${key}`))
  })

  it.each<[string, (path: string) => void, RegExp]>([
    ['is emptied', (path) => writeFileSync(path, ''), /is empty/],
    ['is gone', (path) => rmSync(path), /the file does not exist/],
    ['holds a sample', (path) => writeFileSync(path, 'hk-your-key'), /is a sample/],
  ])('that %s leaves the key that was in it, and the log says so', async (_how, change, why) => {
    const path = createKeyFile()
    const running = await start(path)
    change(path)
    await running.waitForNext(
      new RegExp(`"level":"warn".*UPSTREAM_API_KEY_FILE: ${why.source}.*stays in use`),
    )
    expect(await running.authorization()).toBe(`Bearer ${OLD}`)
    writeFileSync(path, NEW)
    await running.waitForNext(RELOADED)
    expect(await running.authorization()).toBe(`Bearer ${NEW}`)
    expectNoKey(running.keystow.stdout())
  })

  it('is taken up although the YAML cannot be used', async () => {
    const path = createKeyFile()
    const running = await start(path)
    running.write('clients: [')
    await running.waitForNext(/not reloaded: the settings stay as they are/)
    writeFileSync(path, NEW)
    await running.waitForNext(RELOADED)
    expect(await running.authorization()).toBe(`Bearer ${NEW}`)
  })
})
