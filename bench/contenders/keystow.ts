import { fileURLToPath } from 'node:url'

import { BUILT_SERVER } from '../rig/build-server.ts'
import { type Contender, nodeEnv } from './contender.ts'

/** As the image does. */
export const FLAGS = [
  '--min-semi-space-size=4',
  '--max-semi-space-size=4',
  '--no-parallel-scavenge',
  '--v8-pool-size=2',
]
const COMPILE_CACHE = fileURLToPath(new URL('../../node_modules/.cache/keystow', import.meta.url))

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))
const [SOURCE, CONFIG, PRICES, PROBE] = [
  path('../../src/server.ts'),
  path('keystow.yaml'),
  path('prices.yaml'),
  path('../rig/probe.ts'),
]

/** Obviously nobody's. */
const ADMIN_TOKEN = 'ks-bench-admin-0123456789abcdef'

/**
 * Keystow with everything on: a client with origins, limits, budgets, models and paths of its own, prices, the scan,
 * the ledger in a folder, the log, and routes for an administrator.
 */
export const keystow: Contender = {
  id: 'keystow',
  label: 'Keystow',
  launch: (site) => ({
    command: [site.node, ...FLAGS, BUILT_SERVER],
    env: {
      ...nodeEnv(site),
      ADMIN_TOKEN,
      KEYSTOW_CONFIG: CONFIG,
      PRICING_FILE: PRICES,
      DATA_DIR: site.folder,
      NODE_COMPILE_CACHE: COMPILE_CACHE,
    },
  }),
}

const withProbe = (server: string): Contender => ({
  ...keystow,
  launch(site) {
    const { env = {} } = keystow.launch(site)
    return { command: [site.node, ...FLAGS, '--expose-gc', '--import', PROBE, server], env }
  },
})

/** The same, and it tells of its heap when it is asked over its channel. */
export const keystowWithProbe = withProbe(BUILT_SERVER)

/** The same from its source, so that profiles that it takes of itself name its modules. */
export const keystowForProfile = withProbe(SOURCE)
