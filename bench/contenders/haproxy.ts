import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Contender, CREDENTIAL, type Site } from './contender.ts'

export const haproxy: Contender = {
  id: 'haproxy',
  label: 'HAProxy',
  program: 'haproxy',
  launch(site) {
    const file = join(site.folder, 'haproxy.cfg')
    writeFileSync(file, configure(site))
    return { command: ['haproxy', '-db', '-f', file] }
  },
}

const configure = ({ port, upstreamPort, caFile }: Site): string => `
global
  nbthread 1
defaults
  mode http
  option http-no-delay
  option abortonclose
  timeout connect 5s
  timeout client 600s
  timeout server 600s
frontend clients
  bind 127.0.0.1:${port} backlog 4096
  default_backend provider
backend provider
  http-reuse always
  http-request set-header authorization "Bearer ${CREDENTIAL}"
  http-request set-header accept-encoding identity
  http-request del-header cookie
  server provider 127.0.0.1:${upstreamPort} ${caFile === undefined ? '' : verify(caFile)}
`

const verify = (caFile: string): string =>
  `ssl verify required ca-file ${caFile} sni str(localhost) verifyhost localhost`
