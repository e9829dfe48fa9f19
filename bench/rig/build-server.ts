import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { build } from 'rolldown'

import { createBuild } from '../../rolldown.config.ts'

const FOLDER = 'node_modules/.cache/keystow-bench'
const OUTPUT = join(import.meta.dirname, '../..', FOLDER)

/** What Keystow is started from here, as in the image. */
export const BUILT_SERVER = join(OUTPUT, 'server.js')

/** Makes it of what `src` is now. */
export async function buildServer(): Promise<void> {
  await build(createBuild(FOLDER))
  // In the image package.json stands beside it. Here Node looks for one up to `node_modules`, and without it compiles
  // 3 MB twice to find out what they are.
  writeFileSync(join(OUTPUT, 'package.json'), '{"type":"module"}\n')
}
