import { dirname, relative, resolve, sep } from 'node:path'

import { type BuildOptions, defineConfig, type Plugin } from 'rolldown'

const ROOT = import.meta.dirname

/** What Node is started with, as a process or as a thread. */
const ENTRIES = {
  server: resolve(ROOT, 'src/server.ts'),
  thread: resolve(ROOT, 'src/thread.ts'),
  'ledger-worker': resolve(ROOT, 'src/stores/sqlite-ledger/worker.ts'),
}

const NAMES = new Map(Object.entries(ENTRIES).map(([name, file]) => [file, name]))

/**
 * What Keystow and reply-from name of undici, by its file. Its index makes all of the web's fetch, cookies and sockets as
 * well, and has Node make its own of these: a tenth of what is left of a start. It also gives dispatchers `request` and
 * its like, which neither calls.
 */
export const UNDICI = {
  Agent: 'dispatcher/agent.js',
  BalancedPool: 'dispatcher/balanced-pool.js',
  Client: 'dispatcher/client.js',
  Dispatcher: 'dispatcher/dispatcher.js',
  Pool: 'dispatcher/pool.js',
  ProxyAgent: 'dispatcher/proxy-agent.js',
  buildConnector: 'core/connect.js',
  getGlobalDispatcher: 'global.js',
}
const UNDICI_PART = '\0undici-part'

/** An index of its own, with nothing behind it but what is used. */
const undiciPart: Plugin = {
  name: 'undici-part',
  resolveId: (source) => (source === 'undici' ? UNDICI_PART : null),
  load(module) {
    if (module !== UNDICI_PART) return null
    const parts = Object.entries(UNDICI).map(([name, file]) => {
      const path = resolve(ROOT, 'node_modules/undici/lib', file)
      const part = name === 'getGlobalDispatcher' ? `.${name}` : ''
      return `${name}: require(${JSON.stringify(path)})${part},`
    })
    return `module.exports = {\n${parts.join('\n')}\n}\n`
  },
}

const NOT_ASCII = /[^\0-\x7f]/g
/** Where an escape would say something else: behind a backslash, or in a text that is read as it is written. */
const READ_AS_WRITTEN = /(?<!\\)(?:\\\\)*\\[^\0-\x7f]|String\.raw`[^`]*[^\0-\x7f]/

/**
 * Writes what is not ASCII, in texts and comments, as escapes. A single dash in three megabytes makes V8 keep all of them
 * with two bytes a character and Node write them out again to compare them with its cache: a tenth of a start.
 */
const asciiOnly: Plugin = {
  name: 'ascii-only',
  // Not before: what a chunk is rendered to is written anew.
  generateBundle(_options, bundle) {
    for (const file of Object.values(bundle)) {
      if (file.type !== 'chunk') continue
      if (READ_AS_WRITTEN.test(file.code)) {
        throw new Error(`${file.fileName} has a text that cannot be escaped`)
      }
      file.code = file.code.replaceAll(NOT_ASCII, toEscape)
    }
  },
}

const toEscape = (unit: string): string => `\\u${unit.charCodeAt(0).toString(16).padStart(4, '0')}`

const SOURCES = resolve(ROOT, 'src') + sep
const OWN_ADDRESS = /new URL\('([^']+)', import\.meta\.url\)/g
/** What is true wherever the module is, within the same `node_modules`. */
const OWN_REQUIRE = 'createRequire(import.meta.url)'

/** The server in a few files in place of nine hundred, in a folder beside `node_modules`: reading those is a third of a start. */
export function createBuild(folder: string): BuildOptions {
  const output = resolve(ROOT, folder)

  /** A file that a module names from where it stands, named from the output, which is one folder. */
  function moveAddress(module: string, written: string): string {
    const file = resolve(dirname(module), written)
    const name = NAMES.get(file)
    if (name === undefined && file.endsWith('.ts')) throw new Error(`${file} is no entry`)
    const moved = name === undefined ? relative(output, file) : `./${name}.js`
    return `new URL('${moved}', import.meta.url)`
  }

  return {
    cwd: ROOT,
    input: ENTRIES,
    platform: 'node',
    // A development dependency, which the image does without.
    external: ['pino-pretty'],
    plugins: [
      undiciPart,
      asciiOnly,
      {
        name: 'move-addresses',
        transform(code, module) {
          if (!module.startsWith(SOURCES)) return null
          if (
            code.replaceAll(OWN_ADDRESS, '').replaceAll(OWN_REQUIRE, '').includes('import.meta')
          ) {
            throw new Error(`${module} asks where it is in a way that is not known here`)
          }
          return code.replaceAll(OWN_ADDRESS, (_, written: string) => moveAddress(module, written))
        },
      },
    ],
    output: { dir: output, cleanDir: true, chunkFileNames: 'part-[hash].js' },
  }
}

export default defineConfig(createBuild('dist'))
