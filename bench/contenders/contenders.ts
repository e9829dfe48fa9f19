import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'

import { caddy } from './caddy.ts'
import type { Contender, ContenderId } from './contender.ts'
import { haproxy } from './haproxy.ts'
import { httpProxy } from './http-proxy.ts'
import { keystow } from './keystow.ts'
import { nginx } from './nginx.ts'
import { nodeAlone } from './node-alone.ts'

/** In the order in which they are shown. */
export const CONTENDERS: readonly Contender[] = [
  nginx,
  haproxy,
  caddy,
  nodeAlone,
  httpProxy,
  keystow,
]

export const LABELS: Readonly<Record<ContenderId, string>> = {
  direct: 'direct',
  nginx: nginx.label,
  haproxy: haproxy.label,
  caddy: caddy.label,
  'node-alone': nodeAlone.label,
  'http-proxy': httpProxy.label,
  keystow: keystow.label,
}

export const isInstalled = ({ program }: Contender): boolean =>
  program === undefined || findProgram(program) !== undefined

function findProgram(name: string): string | undefined {
  // Debian keeps servers where only root's PATH leads.
  const directories = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin']
  return directories
    .map((directory) => join(directory, name))
    .find((file) => {
      try {
        accessSync(file, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}
