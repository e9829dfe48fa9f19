import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Contender, CREDENTIAL, type Site } from './contender.ts'

export const caddy: Contender = {
  id: 'caddy',
  label: 'Caddy',
  program: 'caddy',
  launch(site) {
    const file = join(site.folder, 'Caddyfile')
    writeFileSync(file, configure(site))
    return { command: ['caddy', 'run', '--config', file, '--adapter', 'caddyfile'] }
  },
}

/**
 * No `flush_interval`: Caddy passes an event stream on at once by itself, and with -1 it would not tell the upstream that
 * a client has left.
 */
const configure = ({ port, upstreamPort, caFile }: Site): string => `{
  admin off
  auto_https off
}
http://127.0.0.1:${port} {
  bind 127.0.0.1
  reverse_proxy /v1/* 127.0.0.1:${upstreamPort} {
    header_up Authorization "Bearer ${CREDENTIAL}"
    header_up Accept-Encoding identity
    header_up -Cookie
    transport http {
      keepalive_idle_conns 1024
      keepalive_idle_conns_per_host 1024
      ${caFile === undefined ? '' : verify(caFile)}
    }
  }
}
`

const verify = (caFile: string): string => `tls_trusted_ca_certs ${caFile}
      tls_server_name localhost`
