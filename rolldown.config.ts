import { dirname, relative, resolve } from 'node:path'

import { type BuildOptions, defineConfig } from 'rolldown'

const ROOT = import.meta.dirname

/** What Node is started with, as a process or as a thread. */
const ENTRIES = {
  server: resolve(ROOT, 'src/server.ts'),
  thread: resolve(ROOT, 'src/thread.ts'),
  'ledger-worker': resolve(ROOT, 'src/stores/sqlite-ledger/worker.ts'),
}

const NAMES = new Map(Object.entries(ENTRIES).map(([name, file]) => [file, name]))

const OWN_ADDRESS = /new URL\('([^']+)', import\.meta\.url\)/g

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
      {
        name: 'move-addresses',
        transform: (code, module) =>
          code.replaceAll(OWN_ADDRESS, (_, written: string) => moveAddress(module, written)),
      },
    ],
    output: { dir: output, cleanDir: true, chunkFileNames: '[name]-[hash].js' },
  }
}

export default defineConfig(createBuild('dist'))
