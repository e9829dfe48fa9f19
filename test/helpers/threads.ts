import { TEST_CREDENTIAL, TEST_TOKEN } from './gateway.ts'
import { type KeystowProcess, listeningPort, startProcess } from './process.ts'

export const ADMIN_TOKEN = 'test-admin-token-of-no-use-anywhere'
export const OTHER_TOKEN = 'test-token-of-another-client-0123456789'
export const THREADS = 2

interface CallInit {
  /** Of the addresses that are listened on; an IPv6 one in brackets. */
  readonly host?: string
  readonly method?: string
  readonly body?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** A server of so many threads. */
interface Threads {
  readonly keystow: KeystowProcess
  /** Every call is a connection of its own, so that the kernel gives it to any of the threads. */
  readonly call: (path?: string, init?: CallInit) => Promise<Response>
}

export async function startThreads(
  upstream: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Threads> {
  const keystow = startProcess({
    env: {
      UPSTREAM_URL: upstream,
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      CLIENT_TOKENS: `alice:${TEST_TOKEN},bob:${OTHER_TOKEN}`,
      ADMIN_TOKEN,
      PORT: '0',
      WORKERS: String(THREADS),
      RATE_LIMIT_PER_MINUTE: '0',
      CONCURRENCY_LIMIT: '0',
      ...env,
    },
  })
  const port = await listeningPort(keystow)
  await keystow.waitFor(/"worker":0,"msg":"Server listening/)
  await keystow.waitFor(/"worker":1,"msg":"Server listening/)
  return {
    keystow,
    call: (path = '/v1/models', init = {}) =>
      fetch(`http://${init.host ?? '127.0.0.1'}:${port}${path}`, {
        ...init,
        headers: { authorization: `Bearer ${TEST_TOKEN}`, connection: 'close', ...init.headers },
      }),
  }
}

export const times = <T>(count: number, make: () => Promise<T>): Promise<T[]> =>
  Promise.all(Array.from({ length: count }, make))

export const statuses = (answers: readonly Response[], status: number): number =>
  answers.filter((answer) => answer.status === status).length

export const chat = (call: Threads['call'], token = TEST_TOKEN): Promise<Response> =>
  call('/v1/chat/completions', {
    method: 'POST',
    body: '{"model":"m","messages":[]}',
    headers: { authorization: `Bearer ${token}` },
  })

export async function metric(call: Threads['call'], name: string): Promise<number> {
  const answer = await call('/metrics', { headers: { authorization: `Bearer ${ADMIN_TOKEN}` } })
  const [, value] = new RegExp(`^${name} (.+)$`, 'm').exec(await answer.text()) ?? []
  return Number(value)
}

/** Those that have logged requests, or only those with something in their line. */
export function workersOf(keystow: KeystowProcess, part = ''): Set<unknown> {
  const lines = keystow.stdout().split('\n')
  const requests = lines.filter((line) => line.includes('"msg":"request"') && line.includes(part))
  return new Set(requests.map((line): unknown => JSON.parse(line).worker))
}
