import { createServer } from 'node:http'

// A fixed upstream: as many events as asked for, at the pace asked for, and nothing that takes time by itself.

const EVENT = `data: ${JSON.stringify({
  id: 'chatcmpl-bench',
  object: 'chat.completion.chunk',
  created: 1_700_000_000,
  model: 'bench',
  choices: [{ index: 0, delta: { content: ' token' }, logprobs: null, finish_reason: null }],
})}\n\n`
const END = `${EVENT.replace('"finish_reason":null', '"finish_reason":"stop"')}data: [DONE]\n\n`

interface Plan {
  readonly events: number
  readonly paceMs: number
}

const server = createServer((request, response) => {
  let body = ''
  request.on('data', (chunk: Buffer) => (body += chunk.toString()))
  request.on('end', () => {
    const plan: Plan = JSON.parse(body)
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    let left = plan.events
    const send = (): void => {
      if (--left > 0) response.write(EVENT)
      else {
        clearInterval(timer)
        response.end(END)
      }
    }
    const timer = setInterval(send, plan.paceMs)
    response.once('close', () => clearInterval(timer))
    send()
  })
})

server.listen(0, '127.0.0.1', () => {
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  process.stdout.write(`listening at http://127.0.0.1:${address.port}\n`)
})
