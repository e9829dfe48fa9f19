import { fileURLToPath } from 'node:url'

import { type Contender, CREDENTIAL, upstreamUrl } from './contender.ts'

const SCRIPT = fileURLToPath(new URL('http-proxy-server.ts', import.meta.url))

/** What `@fastify/http-proxy` and `@fastify/rate-limit` do by themselves, as their documentation shows it. */
export const httpProxy: Contender = {
  id: 'http-proxy',
  label: 'http-proxy + rate-limit',
  launch: (site) => ({
    command: [site.node, SCRIPT],
    env: {
      PORT: String(site.port),
      UPSTREAM_URL: upstreamUrl(site),
      UPSTREAM_API_KEY: CREDENTIAL,
      ...(site.caFile !== undefined && { NODE_EXTRA_CA_CERTS: site.caFile }),
    },
  }),
}
