import { join } from 'node:path'

import { build } from 'rolldown'

import { createBuild } from '../../rolldown.config.ts'

const FOLDER = 'node_modules/.cache/keystow-bench'

/** What Keystow is started from here, as in the image. */
export const BUILT_SERVER = join(import.meta.dirname, '../..', FOLDER, 'server.js')

/** Makes it of what `src` is now. */
export async function buildServer(): Promise<void> {
  await build(createBuild(FOLDER))
}
