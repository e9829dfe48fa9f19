import type { BodyAnswer, Frame } from './answer.ts'
import type { ChosenBehaviour } from './behaviours.ts'

/** What the sender does next. The last four end the answer. */
export type Step =
  | { readonly kind: 'write'; readonly chunk: string | Buffer; readonly outputTokens: number }
  | { readonly kind: 'pause'; readonly ms: number }
  | { readonly kind: 'end' | 'close' | 'reset' | 'hang' }

const FAULT_AFTER_DELTAS = 5
const FRAMES_PER_WRITE = 4
const SPLIT_PAUSE_MS = 10
/** Lets what was written reach the reader before the RST, which would throw it away. */
const RESET_PAUSE_MS = 20
const SLOW_PACE_MS = 500
const END: Step = { kind: 'end' }
const CLOSE: Step = { kind: 'close' }

const ERROR_PAYLOAD = {
  message: 'The demo upstream failed in the middle of the stream.',
  type: 'server_error',
  param: null,
  code: 'demo_stream_error',
}

/** The steps of an event stream: its frames, their pace, and the fault the behaviour brings in. */
export function* streamSteps(
  frames: Iterable<Frame>,
  behaviour: ChosenBehaviour,
  defaultPaceMs: number,
): Generator<Step> {
  if (behaviour.name === 'demo-hang-headers-sent') yield { kind: 'hang' }
  const pace: Step = { kind: 'pause', ms: choosePaceMs(behaviour, defaultPaceMs) }
  let deltas = 0
  let faultDone = false
  for (const frame of groupFrames(frames, behaviour)) {
    if (!faultDone && (deltas === FAULT_AFTER_DELTAS || (frame.kind === 'end' && deltas > 0))) {
      faultDone = true
      yield* faultSteps(behaviour)
    }
    yield* frameSteps(frame, behaviour)
    yield pace
    if (frame.kind === 'delta') deltas++
  }
  yield behaviour.name === 'demo-wrong-length-long' ? CLOSE : END
}

/** The steps of a whole body: at once, or with the same faults in its middle. */
export function* bodySteps({ body }: BodyAnswer, behaviour: ChosenBehaviour): Generator<Step> {
  const half = Math.floor(body.length / 2)
  switch (behaviour.name) {
    case 'demo-hang-headers-sent':
      yield { kind: 'hang' }
      return
    case 'demo-reset-midstream':
    case 'demo-close-midstream':
    case 'demo-clean-eof':
    case 'demo-silent-gap-<ms>':
      yield write(body.subarray(0, half))
      yield* faultSteps(behaviour)
      yield write(body.subarray(half))
      break
    case 'demo-split-events':
      yield* writeApart([body.subarray(0, half), body.subarray(half)])
      break
    case 'demo-split-utf8':
      yield* writeApart(cutInsideCharacters(body))
      break
    default:
      yield write(body)
  }
  yield behaviour.name === 'demo-wrong-length-long' ? CLOSE : END
}

/** Cuts after the first byte of every multi-byte UTF-8 character. */
export function cutInsideCharacters(bytes: Buffer): Buffer[] {
  const pieces: Buffer[] = []
  let start = 0
  bytes.forEach((byte, index) => {
    // 0b11…… leads a multi-byte character, RFC 3629 section 3.
    if (byte < 0xc0) return
    pieces.push(bytes.subarray(start, index + 1))
    start = index + 1
  })
  pieces.push(bytes.subarray(start))
  return pieces
}

function choosePaceMs({ name, amount }: ChosenBehaviour, defaultPaceMs: number): number {
  switch (name) {
    case 'demo-fast':
    case 'demo-long-<events>':
    case 'demo-bytes-<MiB>':
      return 0
    case 'demo-slow':
      return SLOW_PACE_MS
    case 'demo-pace-<ms>':
      return amount
    default:
      return defaultPaceMs
  }
}

function* faultSteps({ name, amount }: ChosenBehaviour): Generator<Step> {
  switch (name) {
    case 'demo-reset-midstream':
      yield { kind: 'pause', ms: RESET_PAUSE_MS }
      yield { kind: 'reset' }
      break
    case 'demo-close-midstream':
      yield CLOSE
      break
    case 'demo-clean-eof':
      yield END
      break
    case 'demo-silent-gap-<ms>':
      yield { kind: 'pause', ms: amount }
      break
    case 'demo-error-event':
      yield write(`data: ${JSON.stringify({ error: ERROR_PAYLOAD })}\n\n`)
      yield END
      break
    case 'demo-named-error': {
      // The responses family reads the fields at the top, the chat family those under `error`.
      const payload = {
        ...ERROR_PAYLOAD,
        type: 'error',
        sequence_number: 100,
        error: ERROR_PAYLOAD,
      }
      yield write(`event: error\ndata: ${JSON.stringify(payload)}\n\n`)
      yield END
      break
    }
    default:
  }
}

function* frameSteps(frame: Frame, { name }: ChosenBehaviour): Generator<Step> {
  const { text, outputTokens } = frame
  if (name === 'demo-split-utf8') {
    yield* writeApart(cutInsideCharacters(Buffer.from(text)), outputTokens)
  } else if (name === 'demo-split-events') {
    const half = Math.floor(text.length / 2)
    yield* writeApart([text.slice(0, half), text.slice(half)], outputTokens)
  } else {
    yield write(text, outputTokens)
  }
}

function* writeApart(chunks: readonly (string | Buffer)[], outputTokens = 0): Generator<Step> {
  for (const [index, chunk] of chunks.entries()) {
    if (index > 0) yield { kind: 'pause', ms: SPLIT_PAUSE_MS }
    yield write(chunk, index === 0 ? outputTokens : 0)
  }
}

function* groupFrames(frames: Iterable<Frame>, { name }: ChosenBehaviour): Iterable<Frame> {
  if (name !== 'demo-many-in-one') {
    yield* frames
    return
  }
  let group: Frame[] = []
  for (const frame of frames) {
    group.push(frame)
    if (group.length === FRAMES_PER_WRITE) {
      yield joinFrames(group)
      group = []
    }
  }
  if (group.length > 0) yield joinFrames(group)
}

function joinFrames(group: readonly Frame[]): Frame {
  const outputTokens = group.reduce((sum, frame) => sum + frame.outputTokens, 0)
  return { text: group.map((frame) => frame.text).join(''), kind: 'delta', outputTokens }
}

function write(chunk: string | Buffer, outputTokens = 0): Step {
  return { kind: 'write', chunk, outputTokens }
}
