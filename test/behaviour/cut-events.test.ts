import { describe, expect, it } from 'vitest'

import { startGateway } from '../helpers/gateway.ts'
import { startUpstream } from '../helpers/upstream.ts'

// An upstream that dies does so anywhere: within a line, a character, a line end. What a client has read of an event
// by then, it reads together with whatever comes next.

const CHUNK =
  'data: {"choices":[{"index":0,"delta":{"content":"你"},"text":"","finish_reason":null}]}\n\n'
const NAMED =
  'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"你"}\n\n'

const FAMILIES = [
  ['/v1/chat/completions', CHUNK],
  ['/v1/completions', CHUNK],
  ['/v1/responses', NAMED],
] as const
const LINE_ENDS = ['\n', '\r\n', '\r']
const ENDINGS = ['is reset', 'ends'] as const

const CASES = FAMILIES.flatMap(([path, event]) =>
  LINE_ENDS.flatMap((lineEnd) => ENDINGS.map((ending) => ({ path, event, lineEnd, ending }))),
)

const REQUEST = {
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: '{"model":"m","stream":true}',
}

/** Events as the WHATWG HTML standard reads them (section 9.2.6). */
function readEvents(text: string): { event: string; data: string }[] {
  const events: { event: string; data: string }[] = []
  let [event, data] = ['', '']
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === '') {
      if (data !== '') events.push({ event, data: data.slice(0, -1) })
      event = data = ''
    } else if (line.startsWith('event:')) event = line.slice(6).trimStart()
    else if (line.startsWith('data:')) data += `${line.slice(5).replace(/^ /, '')}\n`
  }
  return events
}

/** What a parser that looks at no more than lines finds. */
const readLines = (text: string): string[] =>
  text.split(/\r\n|\n|\r/).flatMap((line) => /^data: ?(.*)$/.exec(line)?.[1] ?? [])

describe.each(CASES)('a stream of $path with $lineEnd whose upstream $ending', (family) => {
  it('tells of it in an event of its own, wherever that was', async () => {
    const event = Buffer.from(family.event.replaceAll('\n', family.lineEnd))
    let cut = 0
    const upstream = await startUpstream((_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' }).write(event)
      const end = () =>
        family.ending === 'ends' ? response.end() : response.socket?.resetAndDestroy()
      response.write(event.subarray(0, cut), end)
    })
    const gateway = await startGateway({ upstream: upstream.origin })
    const wholeAt = event.lastIndexOf('}') + 1
    for (cut = 1; cut <= event.length; cut++) {
      const text = await (await gateway.fetch(family.path, REQUEST)).text()
      const isResponses = family.path === '/v1/responses'
      const data = readEvents(text).map((each) => each.data)
      expect(data).toEqual(readLines(text))
      expect(data.at(-1) === '[DONE]').toBe(!isResponses)
      if (!isResponses) data.pop()
      const last = readEvents(text).find((each) => each.data === data.at(-1))
      expect(last?.event).toBe(isResponses ? 'error' : '')
      expect(JSON.parse(data.pop() ?? '')).toMatchObject(
        isResponses
          ? { code: 'upstream_unavailable' }
          : { error: { code: 'upstream_unavailable' } },
      )
      const delta = readLines(event.toString())[0]
      expect(data).toEqual(cut < wholeAt ? [delta] : [delta, delta])
      expect(text).not.toContain('\u{fffd}')
    }
  })
})
