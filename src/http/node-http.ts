import type * as Http from 'node:http'
import { createRequire } from 'node:module'

const require = createRequire(import.meta.url)
const http: typeof Http = require('node:http')

/** An `import` reads every export of `node:http`, and so loads its whole WebSocket client: 30 ms of a start. */
export const { createServer, STATUS_CODES } = http
