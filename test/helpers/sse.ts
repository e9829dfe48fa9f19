/** One event as it came, and when. */
export interface SseEvent {
  readonly event: string | undefined
  readonly data: string
  /** `performance.now()` when its last byte arrived. */
  readonly at: number
}

/** Reads a stream of events to its end; throws what the body throws. Comments are left out. */
export async function* readSse(response: Response): AsyncGenerator<SseEvent> {
  if (response.body === null) return
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of response.body) {
    rest += decoder.decode(chunk, { stream: true })
    const blocks = rest.split(/\r\n\r\n|\n\n|\r\r/)
    rest = blocks.pop() ?? ''
    const at = performance.now()
    for (const block of blocks) {
      const event = parseBlock(block, at)
      if (event !== undefined) yield event
    }
  }
}

/** All events of a stream. */
export async function collectSse(response: Response): Promise<SseEvent[]> {
  const events: SseEvent[] = []
  for await (const event of readSse(response)) events.push(event)
  return events
}

function parseBlock(block: string, at: number): SseEvent | undefined {
  const lines = block.split(/\r\n|[\r\n]/).filter((line) => line !== '' && !line.startsWith(':'))
  if (lines.length === 0) return undefined
  const field = (name: string): string[] =>
    lines
      .filter((line) => line.startsWith(`${name}:`))
      .map((line) => line.slice(name.length + 1).replace(/^ /, ''))
  return { event: field('event')[0], data: field('data').join('\n'), at }
}
