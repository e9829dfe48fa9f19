import { Agent, request } from 'undici'

export interface Target {
  readonly origin: string
  readonly token: string
}

interface StreamPlan {
  readonly events: number
  readonly paceMs: number
}

const agent = new Agent({ connections: 1024, pipelining: 1 })

/** Reads one stream to its end; returns the milliseconds to its first bytes of body. */
export async function readStream({ origin, token }: Target, plan: StreamPlan): Promise<number> {
  const startedAt = performance.now()
  let firstAt: number | undefined
  const { statusCode, body } = await request(`${origin}/v1/chat/completions`, {
    dispatcher: agent,
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ model: 'bench', stream: true, ...plan }),
  })
  if (statusCode !== 200) throw new Error(`answered ${statusCode}`)
  for await (const _ of body) firstAt ??= performance.now()
  return (firstAt ?? performance.now()) - startedAt
}

/** Reads many streams at once. */
export async function readStreams(
  target: Target,
  streams: number,
  plan: StreamPlan,
): Promise<void> {
  await Promise.all(Array.from({ length: streams }, () => readStream(target, plan)))
}

export function percentile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN
}
