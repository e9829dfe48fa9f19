import httpProxy from '@fastify/http-proxy'
import rateLimit from '@fastify/rate-limit'
import Fastify from 'fastify'

const { PORT, UPSTREAM_URL = '', UPSTREAM_API_KEY = '' } = process.env

const app = Fastify()
await app.register(rateLimit, { max: 1_000_000_000, timeWindow: '1 minute' })
await app.register(httpProxy, {
  upstream: UPSTREAM_URL,
  prefix: '/v1',
  rewritePrefix: '/v1',
  // By default 128 connections: the streams beyond would wait.
  undici: { connections: 65_536, pipelining: 1 },
  replyOptions: {
    rewriteRequestHeaders: (_request, headers) => ({
      ...headers,
      authorization: `Bearer ${UPSTREAM_API_KEY}`,
    }),
  },
})
await app.listen({ host: '127.0.0.1', port: Number(PORT) })
