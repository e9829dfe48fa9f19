import { copyFileSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

import { createFolder } from './folder.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** What a folder must hold for npm to run the scripts of this repository in it: no developer's .env is there. */
export function createNpmFolder(): string {
  const folder = createFolder()
  copyFileSync(join(ROOT, 'package.json'), join(folder, 'package.json'))
  for (const name of ['src', 'config', 'node_modules']) {
    symlinkSync(join(ROOT, name), join(folder, name))
  }
  return folder
}

/** An npm that reads nobody's settings and asks nobody for a newer one. */
export const npmEnvironment = (folder: string): Record<string, string> => ({
  HOME: folder,
  npm_config_cache: join(folder, '.npm'),
  npm_config_update_notifier: 'false',
})
