import { createMemberScanner, type Member } from './member-scanner.ts'

/** What policy wants to know of a JSON body. Absent fields were absent, or not of the type they should be. */
export interface BodyFields {
  readonly model?: string
  /** It names models to fall back to, in a member that some upstreams read. */
  readonly hasFurtherModels?: true
  /** It asks for work that goes on when nobody waits for it, or for a kind of picture. */
  readonly hasBackground?: true
  readonly stream?: boolean
  readonly n?: number
  /** The largest of `max_tokens`, `max_completion_tokens` and `max_output_tokens`. */
  readonly maxTokens?: number
}

/** Reads the top-level fields of a JSON body while its bytes pass; the bytes themselves are left alone. */
export interface BodyFieldScanner {
  /** Takes the next bytes; returns why the body must be refused, or undefined. */
  write(chunk: Buffer): string | undefined
  /** Ends the body; returns its fields, or why it must be refused. */
  end(): BodyFields | string
  /** Where things stand in a body that was not refused. */
  layout(): BodyLayout
}

/** What must be known to put something into a body without writing it anew: offsets from its beginning. */
export interface BodyLayout {
  /** Behind its `{`. */
  readonly openedAt: number
  /** The value of `stream_options`; undefined when there is none. */
  readonly streamOptions: { readonly start: number; readonly end: number } | undefined
}

const MAX_TOKENS_NAMES = ['max_tokens', 'max_completion_tokens', 'max_output_tokens']

/** Names whose meaning must not differ between Keystow and the upstream. */
const POLICY_NAMES: ReadonlySet<string> = new Set([
  'model',
  'models',
  'fallbacks',
  'background',
  'stream',
  'n',
  ...MAX_TOKENS_NAMES,
  'stream_options',
])

/** Which members have a meaning for policy, and which bodies leave it open what that is. */
export function createBodyFieldScanner(): BodyFieldScanner {
  const { write, end, openedAt, found } = createMemberScanner(POLICY_NAMES)
  return {
    write,
    end: () => end() ?? toBodyFields(found),
    layout: () => ({ openedAt: openedAt(), streamOptions: found.get('stream_options') }),
  }
}

function toBodyFields(found: ReadonlyMap<string, Member>): BodyFields {
  const model = found.get('model')?.value
  const stream = found.get('stream')?.value
  const background = found.get('background')?.value ?? false
  const n = found.get('n')?.value
  const fields: { -readonly [Name in keyof BodyFields]: BodyFields[Name] } = {}
  if (typeof model === 'string') fields.model = model
  if (found.has('models') || found.has('fallbacks')) fields.hasFurtherModels = true
  if (background !== false) fields.hasBackground = true
  if (typeof stream === 'boolean') fields.stream = stream
  if (typeof n === 'number') fields.n = n
  const maxTokens = findLargest(MAX_TOKENS_NAMES, found)
  if (maxTokens !== undefined) fields.maxTokens = maxTokens
  return fields
}

function findLargest(
  names: readonly string[],
  found: ReadonlyMap<string, Member>,
): number | undefined {
  let largest: number | undefined
  for (const name of names) {
    const value = found.get(name)?.value
    if (typeof value === 'number') largest = Math.max(largest ?? value, value)
  }
  return largest
}
