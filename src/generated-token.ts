import { isIPv6 } from 'node:net'

import type { Config } from './config/config.ts'

/** What the operator is told of the token that was made for this run, if one was; a log line would keep it. */
export function describeGeneratedToken({ generatedToken, host }: Config, port: number): string {
  if (generatedToken === undefined) return ''
  const url = `http://${isIPv6(host) ? `[${host}]` : host}:${port}/v1`
  return (
    `\nNo clients are configured, so this run has a client token of its own:\n\n` +
    `  ${generatedToken.reveal()}\n\n` +
    `Use it as the API key with ${url} as the base URL. Set CLIENT_TOKENS to keep one.\n\n`
  )
}
