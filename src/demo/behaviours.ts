interface Behaviour {
  /** The model's name; a number may stand where `<…>` does. */
  readonly name: `demo-${string}`
  readonly description: string
}

/** Every model name that makes the demo upstream do something special; docs/demo-upstream.md is held to it. */
export const BEHAVIOURS = [
  { name: 'demo-fast', description: 'Streams without a pause between events.' },
  { name: 'demo-slow', description: 'Streams with half a second between events.' },
  { name: 'demo-pace-<ms>', description: 'Streams with this many milliseconds between events.' },
  {
    name: 'demo-long-<events>',
    description:
      'Answers with this many deltas of one token each, without a pause, whatever max_tokens says.',
  },
  {
    name: 'demo-bytes-<MiB>',
    description:
      'Answers with this many MiB of text in deltas of 16 KiB, as fast as the reader takes them.',
  },
  { name: 'demo-huge-event', description: 'Answers with one delta of 5 MiB.' },
  {
    name: 'demo-reset-before-headers',
    description: 'Resets the connection (TCP RST) instead of answering.',
  },
  {
    name: 'demo-reset-midstream',
    description:
      'Resets the connection after 5 deltas, or after half of a body with content-length.',
  },
  {
    name: 'demo-close-midstream',
    description:
      'Closes the connection (FIN) after 5 deltas without the last chunk, or after half of a body.',
  },
  {
    name: 'demo-clean-eof',
    description:
      'Ends the answer properly for HTTP after 5 deltas, without finish_reason and [DONE], or after half of a body.',
  },
  { name: 'demo-hang', description: 'Takes the request and never answers.' },
  {
    name: 'demo-hang-headers-sent',
    description: 'Sends status and headers at once and never a byte of the body.',
  },
  {
    name: 'demo-silent-gap-<ms>',
    description: 'Is silent for this long after 5 deltas, or half of a body, and then goes on.',
  },
  {
    name: 'demo-slow-first-byte-<ms>',
    description: 'Sends nothing, not even headers, for this long and then answers.',
  },
  { name: 'demo-html-502', description: 'Answers 502 with an HTML page, as a front end does.' },
  {
    name: 'demo-status-<code>',
    description:
      'Answers with this error status (400 to 599); 428 has the reseller’s shape and no content-type.',
  },
  {
    name: 'demo-error-event',
    description: 'Sends a data: {"error":…} event after 5 deltas and ends.',
  },
  {
    name: 'demo-named-error',
    description: 'Sends an event: error after 5 deltas and ends.',
  },
  {
    name: 'demo-split-utf8',
    description: 'Cuts every multi-byte character in two writes, 10 ms apart.',
  },
  { name: 'demo-split-events', description: 'Cuts every event in two writes, 10 ms apart.' },
  { name: 'demo-many-in-one', description: 'Puts four events into each write.' },
  {
    name: 'demo-gzip',
    description: 'Compresses the answer (content-encoding: gzip) whatever was asked for.',
  },
  { name: 'demo-redirect', description: 'Answers 307 with a location on another origin.' },
  {
    name: 'demo-echo-key',
    description:
      'Leaks: repeats the credential it was sent in headers, in the body and in a delta.',
  },
  {
    name: 'demo-early-hints',
    description: 'Sends the informational answers 100 and 103 before the answer.',
  },
  {
    name: 'demo-early-hints-103',
    description:
      'Sends 103 alone before the answer: undici, and so fetch, breaks off at an unasked 100.',
  },
  { name: 'demo-trailers', description: 'Sends trailers after a chunked body.' },
  {
    name: 'demo-wrong-length-short',
    description: 'Declares a content-length smaller than the body that follows.',
  },
  {
    name: 'demo-wrong-length-long',
    description: 'Declares a content-length larger than the body and closes after it.',
  },
] as const satisfies readonly Behaviour[]

export type BehaviourName = (typeof BEHAVIOURS)[number]['name']

/** What a model name asks for. `amount` is the number in the name, 0 where there is none. */
export interface ChosenBehaviour {
  readonly name: BehaviourName | 'ordinary'
  readonly amount: number
}

const ORDINARY: ChosenBehaviour = { name: 'ordinary', amount: 0 }

const PATTERNS = BEHAVIOURS.map(({ name }) => ({
  name,
  pattern: new RegExp(`^${name.replace(/<.+>/, '(\\d{1,9})')}$`),
}))

/** Reads a model name; every name that is not in the table is an ordinary model. */
export function chooseBehaviour(model: string): ChosenBehaviour {
  if (!model.startsWith('demo-')) return ORDINARY
  for (const { name, pattern } of PATTERNS) {
    const match = pattern.exec(model)
    if (match !== null) return { name, amount: Number(match[1] ?? 0) }
  }
  return ORDINARY
}
