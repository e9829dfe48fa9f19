import { randomUUID } from 'node:crypto'

/** What names one request in its answer and in the log: `req_` and 32 hex digits. */
export function createRequestId(): string {
  return `req_${randomUUID().replaceAll('-', '')}`
}
