import { writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { type Contender, CREDENTIAL, type Site, upstreamUrl } from './contender.ts'

/** The README's recipe, with connections to the upstream kept and nothing logged: nginx at its best. */
export const nginx: Contender = {
  id: 'nginx',
  label: 'nginx',
  program: 'nginx',
  launch(site) {
    const file = join(site.folder, 'nginx.conf')
    writeFileSync(file, configure(site))
    return { command: ['nginx', '-p', site.folder, '-c', file, '-e', 'error.log'] }
  },
}

const configure = (site: Site): string => `
daemon off;
pid nginx.pid;
worker_processes 1;
${process.getuid?.() === 0 ? 'user root;' : ''}
worker_rlimit_nofile 65536;
events { worker_connections 32768; }
http {
  access_log off;
  keepalive_requests 1000000000;
  client_max_body_size 32m;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  upstream provider {
    server 127.0.0.1:${site.upstreamPort};
    keepalive 1024;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${site.port} backlog=4096;
    location /v1/ {
      proxy_pass ${new URL(upstreamUrl(site)).protocol}//provider;
      proxy_http_version 1.1;
      proxy_set_header Host localhost;
      proxy_set_header Connection "";
      proxy_set_header Cookie "";
      proxy_set_header Accept-Encoding identity;
      proxy_set_header Authorization "Bearer ${CREDENTIAL}";
      proxy_buffering off;
      proxy_request_buffering off;
      proxy_read_timeout 600s;
      ${site.caFile === undefined ? '' : verify(site.caFile)}
    }
  }
}
`

const verify = (caFile: string): string => `
      proxy_ssl_server_name on;
      proxy_ssl_name localhost;
      proxy_ssl_verify on;
      proxy_ssl_trusted_certificate ${caFile};`
