import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'

import { Agent, type Dispatcher } from 'undici'

const { PORT, UPSTREAM_URL = '', UPSTREAM_API_KEY = '' } = process.env

const BAD_GATEWAY = 502
/** Of an answer: what it is, and where it ends. */
const PASSED = ['content-type', 'content-length']

const agent = new Agent({ connections: 65_536, pipelining: 1 })

createServer(collectBody).listen(Number(PORT), '127.0.0.1')

function collectBody(request: IncomingMessage, response: ServerResponse): void {
  const chunks: Buffer[] = []
  request.on('data', (chunk: Buffer) => chunks.push(chunk))
  request.on('end', () => forward(request, response, Buffer.concat(chunks)))
}

function forward({ url = '/', method }: IncomingMessage, response: ServerResponse, body: Buffer) {
  const headers = [
    'authorization',
    `Bearer ${UPSTREAM_API_KEY}`,
    'content-type',
    'application/json',
    'content-length',
    String(body.length),
  ]
  const options = { origin: UPSTREAM_URL, path: url, method: method === 'GET' ? 'GET' : 'POST' }
  agent.dispatch({ ...options, headers, body } as const, passOn(response))
}

function passOn(response: ServerResponse): Dispatcher.DispatchHandler {
  return {
    onRequestStart(controller) {
      const leave = (): void => {
        if (!response.writableFinished) controller.abort(new Error('the client left'))
      }
      if (response.destroyed) return leave()
      response.on('close', leave)
      response.on('drain', () => controller.resume())
    },
    onResponseStart(_, status, answered) {
      if (status < 200) return
      const passed = PASSED.filter((name) => answered[name] !== undefined)
      response.writeHead(status, Object.fromEntries(passed.map((name) => [name, answered[name]])))
    },
    onResponseData(controller, chunk) {
      if (!response.write(chunk)) controller.pause()
    },
    onResponseEnd: () => void response.end(),
    onResponseError() {
      if (response.headersSent) response.destroy()
      else response.writeHead(BAD_GATEWAY).end()
    },
  }
}
