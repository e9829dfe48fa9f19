import type { RawHeaders } from './connection-tokens.ts'

const MAX_STATUS = 599

/** Why an upstream's answer cannot be passed on, or undefined. */
export function findUpstreamHeadProblem(
  status: number,
  rawHeaders: RawHeaders,
  headerCountLimit: number,
): string | undefined {
  if (status > MAX_STATUS) return `the status ${status} is none`
  const headerCount = rawHeaders.length / 2
  if (headerCount <= headerCountLimit) return undefined
  return `the answer has ${headerCount} headers, more than UPSTREAM_HEADER_COUNT_LIMIT`
}
