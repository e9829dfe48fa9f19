import { fileURLToPath } from 'node:url'

import { BUILT_SERVER } from '../rig/build-server.ts'
import { type Contender, nodeEnv } from './contender.ts'

/** As the image does. */
export const FLAGS = ['--max-semi-space-size=8', '--no-parallel-scavenge', '--v8-pool-size=2']
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/keystow', import.meta.url))

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const [SERVER, CONFIG, PROBE] = [
  path('../../src/server.ts'),
  path('keystow.yaml'),
  path('../rig/probe.ts'),
]

/** Keystow with everything on: a client with limits, models and paths of its own, the scan, the log. */
export const keystow: Contender = {
  id: 'keystow',
  label: 'Keystow',
  launch: (site) => ({
    command: [site.node, ...FLAGS, BUILT_SERVER],
    env: {
      ...nodeEnv(site),
      KEYSTOW_CONFIG: CONFIG,
      DATA_DIR: site.folder,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    },
  }),
}

/** The same, and it tells of its heap and takes profiles of itself when it is asked over its channel. */
export const keystowWithProbe: Contender = {
  ...keystow,
  launch(site) {
    const { env = {} } = keystow.launch(site)
    return { command: [site.node, ...FLAGS, '--expose-gc', '--import', PROBE, SERVER], env }
  },
}
