import { fileURLToPath } from 'node:url'

import { type Contender, nodeEnv } from './contender.ts'
import { FLAGS } from './keystow.ts'

const SCRIPT = fileURLToPath(new URL('node-alone-server.ts', import.meta.url))

/** What Node costs by itself, with Keystow's flags: bodies go from `node:http` to undici and back, with a key. */
export const nodeAlone: Contender = {
  id: 'node-alone',
  label: 'Node alone (node:http, undici)',
  launch: (site) => ({
    command: [site.node, ...FLAGS, SCRIPT],
    env: nodeEnv(site),
  }),
}
