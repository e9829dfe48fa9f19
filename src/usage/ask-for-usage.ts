import { lastingCopy } from '../lasting-copy.ts'
import type { BodyLayout } from '../policy/body-fields.ts'
import { createMemberScanner } from '../policy/member-scanner.ts'

/** A body whose answer ends with its usage. */
export interface AskingBody {
  readonly content: Buffer
  /** Keystow asks, not the client: what comes only for that is none of the client's. */
  readonly isAdded: boolean
}

const NAME = 'include_usage'
const NAMES: ReadonlySet<string> = new Set([NAME])
const ASKING_MEMBER = `"${NAME}":true`
const ASKING_OBJECT = `{${ASKING_MEMBER}}`

const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d
const SMALL_N = 0x6e
const WHITE_SPACE = new Set(Buffer.from(' \t\r\n'))

/**
 * Puts `stream_options.include_usage` into the bytes of a streaming request; every other byte stays. Returns
 * why the body must be refused when it cannot be read for sure whether its client asked.
 */
export function askForUsage(body: Buffer, layout: BodyLayout): AskingBody | string {
  const { openedAt, streamOptions } = layout
  if (streamOptions === undefined) {
    return put(body, openedAt, `"stream_options":${ASKING_OBJECT}`)
  }
  const { start, end } = streamOptions
  if (body[start] === SMALL_N) return replace(body, { start, end }, ASKING_OBJECT)
  // Text, a number or a list: the upstream has words of its own for it.
  if (body[start] !== OPEN_OBJECT) return { content: body, isAdded: false }

  const scanner = createMemberScanner(NAMES)
  const refusal = scanner.write(body.subarray(start, end)) ?? scanner.end()
  if (refusal !== undefined) return refusal
  const asked = scanner.found.get(NAME)
  if (asked === undefined) return put(body, start + scanner.openedAt(), ASKING_MEMBER)
  if (asked.value === true) return { content: body, isAdded: false }
  return replace(body, { start: start + asked.start, end: start + asked.end }, 'true')
}

/** Puts a member in front of those that are there, behind the `{` of their object. */
function put(body: Buffer, at: number, member: string): AskingBody {
  let next = at
  while (WHITE_SPACE.has(body[next] ?? 0)) next++
  const isOnly = body[next] === CLOSE_OBJECT
  return replace(body, { start: at, end: at }, isOnly ? member : `${member},`)
}

function replace(
  body: Buffer,
  { start, end }: { readonly start: number; readonly end: number },
  text: string,
): AskingBody {
  // undici keeps it until the answer has ended.
  const content = lastingCopy(body.subarray(0, start), Buffer.from(text), body.subarray(end))
  return { content, isAdded: true }
}
