import { fileURLToPath } from 'node:url'

import { type Contender, nodeEnv } from './contender.ts'

const SCRIPT = fileURLToPath(new URL('http-proxy-server.ts', import.meta.url))

/** What `@fastify/http-proxy` and `@fastify/rate-limit` do by themselves, as their documentation shows it. */
export const httpProxy: Contender = {
  id: 'http-proxy',
  label: 'http-proxy + rate-limit',
  launch: (site) => ({
    command: [site.node, SCRIPT],
    env: nodeEnv(site),
  }),
}
