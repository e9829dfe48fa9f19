import type { Dice } from '../helpers/dice.ts'

/** What one client does, and what may come of it. */
export interface Plan {
  readonly model: string
  readonly path: string
  readonly isStream: boolean
  /** How the client behaves: reads all, stops reading for a while, or leaves in one way or another. */
  readonly client:
    | 'reads'
    | 'reads slowly'
    | 'leaves'
    | 'resets'
    | 'closes its side'
    | 'breaks off its body'
  /** The answer of an upstream that broke off may be a broken connection. */
  readonly mayBreak: boolean
}

/** Ordinary use, as most of it is. */
const ORDINARY = [
  'gpt-4o-mini',
  'gpt-4o-mini',
  'gpt-4o',
  'demo-fast',
  'demo-long-100',
  'demo-bytes-1',
  'demo-pace-5',
]

/** Bad days of the upstream. `gap` and `slow-first-byte` beyond the clocks are hangs. */
const FAULTS = [
  'demo-reset-before-headers',
  'demo-reset-midstream',
  'demo-close-midstream',
  'demo-clean-eof',
  'demo-hang',
  'demo-hang-headers-sent',
  'demo-silent-gap-100',
  'demo-silent-gap-60000',
  'demo-slow-first-byte-100',
  'demo-html-502',
  'demo-status-429',
  'demo-status-500',
  'demo-error-event',
  'demo-named-error',
  'demo-split-utf8',
  'demo-split-events',
  'demo-many-in-one',
  'demo-huge-event',
  'demo-gzip',
  'demo-redirect',
  'demo-echo-key',
  'demo-early-hints',
  'demo-trailers',
  'demo-wrong-length-short',
  'demo-wrong-length-long',
]

/** JSON that was begun and not ended can only be broken off. */
const BREAKS_JSON = /midstream|hang-headers|silent-gap-60000|wrong-length-long/

const LEAVINGS = [
  'leaves',
  'resets',
  'closes its side',
  'breaks off its body',
  'reads slowly',
] as const

/** What is asked for beside chat, without a stream. */
const OTHERS: readonly (readonly [path: string, model: string])[] = [
  ['/v1/embeddings', 'text-embedding-3-small'],
  ['/v1/moderations', 'omni-moderation-latest'],
  ['/v1/audio/speech', 'tts-1'],
]

export function choosePlan(dice: Dice): Plan {
  const client = dice.chance(0.7) ? 'reads' : dice.pick(LEAVINGS)
  if (dice.chance(0.1)) {
    const [path, model] = dice.pick(OTHERS)
    return { model, path, isStream: false, client, mayBreak: false }
  }
  const model = dice.pick(dice.chance(0.6) ? ORDINARY : FAULTS)
  const isStream = dice.chance(0.6)
  const path = dice.chance(0.8) ? '/v1/chat/completions' : '/v1/responses'
  return { model, path, isStream, client, mayBreak: !isStream && BREAKS_JSON.test(model) }
}
