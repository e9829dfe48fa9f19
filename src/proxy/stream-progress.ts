import { createJsonNames } from '../usage/scan/json-names.ts'
import { type JsonReader, WANT, type Want } from '../usage/scan/json-reader.ts'
import { createJsonScan } from '../usage/scan/json-scan.ts'
import { createTextCount } from '../usage/scan/text-count.ts'
import { createEventReader, type EventReader } from './event-reader.ts'
import { createRepeatedEvent } from './repeated-event.ts'
import type { StreamForm } from './stream-form.ts'

/** How far a stream of a known form has come. */
export interface StreamProgress extends EventReader {
  /** How many bytes of the last chunk belong to an event whose data has not come whole. */
  openBytes(): number
  /** Its last event has come: whatever follows belongs to it no longer. */
  isEnded(): boolean
  /** Everything that has begun is finished, and no event is cut. */
  isFinished(): boolean
  /** The upstream has told an error in the stream. */
  isErrorTold(): boolean
}

const LF = 0x0a
const CHOICE_DEPTH = 3
/** More than any upstream takes; an answer with more is judged by the first. */
const MAX_CHOICES = 1024
const NAMES = createJsonNames(['choices', 'index', 'finish_reason', 'type', 'error'])
/** No text is asked for: one for all, of thousands of streams. */
const UNCOUNTED = createTextCount()
/** What stands where nothing is to be told. */
const NOTHING_TOLD: ReadonlySet<string> = new Set(['null', '""', 'false'])

export function createStreamProgress({ endMark, isLastType }: StreamForm): StreamProgress {
  const choices = createChoices()
  let isOpen = false
  /** Where in the chunk the last event begins, if it begins there. */
  let openFrom = 0
  let openBytes = 0
  let hasField = false
  let isEnded = false
  let isError = false
  let isErrorTold = false
  let isLast = false
  let type = ''
  let eventEnds = 0
  let isEndOfLine = true
  const repeated = createRepeatedEvent(NAMES)

  const reader: JsonReader = {
    names: NAMES,
    text: UNCOUNTED,
    onName: (name, depth): Want => {
      if (name === 'choices') return depth === 1 ? WANT.ELEMENTS : WANT.NOTHING
      const isTopLevel = name === 'type' || name === 'error'
      return depth === (isTopLevel ? 1 : CHOICE_DEPTH) ? WANT.VALUE : WANT.NOTHING
    },
    onValue(name, json) {
      if (name === 'type') type = json.slice(1, -1)
      else if (name === 'error') isError ||= !NOTHING_TOLD.has(json)
      else choices.tell(name, json)
    },
    onElement: () => choices.next(),
    onEnd() {
      choices.next()
      isOpen = false
      isErrorTold ||= isError || type === 'error'
      isLast ||= isLastType?.(type) ?? false
      type = ''
    },
  }
  const json = createJsonScan(reader)

  const events = createEventReader({
    onField(at) {
      if (hasField) return
      hasField = true
      isOpen = true
      openFrom = at
    },
    onData: (chunk, from, to) => json.write(chunk, from, to),
    onLine(text) {
      if (endMark === '' || text !== endMark) return
      isEnded = true
      isOpen = false
    },
    onEventEnd() {
      eventEnds++
      hasField = false
      isError = false
      json.reset()
    },
  })

  const isFinished = (): boolean =>
    !isOpen && (isLastType === undefined ? choices.areFinished() : isLast)

  /** Choices that run or have finished already are told of again by an event that comes again, and nothing else is. */
  const isQuiet = (): boolean => !isOpen && !isEnded && !isErrorTold && !isLast

  return {
    ...events,
    write(chunk) {
      const isFresh = isEndOfLine && events.isBetweenEvents() && isQuiet()
      openFrom = 0
      openBytes = 0
      if (isFresh && repeated.isRepeat(chunk)) return
      const endsBefore = eventEnds
      events.write(chunk)
      isEndOfLine = chunk[chunk.length - 1] === LF
      const isOne = eventEnds === endsBefore + 1
      if (isFresh && isOne && isEndOfLine && events.isBetweenEvents() && isQuiet()) {
        repeated.learn(chunk)
      }
      if (isOpen && !events.isBetweenEvents()) openBytes = chunk.length - openFrom
    },
    openBytes: () => openBytes,
    isFinished,
    isEnded: () => isEnded || (endMark === '' && isFinished()),
    isErrorTold: () => isErrorTold,
  }
}

interface Choices {
  /** The members that follow are the next choice's. */
  next(): void
  tell(name: string, json: string): void
  /** One has finished, and none has begun that has not. */
  areFinished(): boolean
}

function createChoices(): Choices {
  const running = new Set<string>()
  const finished = new Set<string>()
  let index = '0'
  let isTold = false
  let isFinish = false
  return {
    next() {
      if (isTold && isFinish) {
        running.delete(index)
        if (finished.size < MAX_CHOICES) finished.add(index)
      } else if (isTold && !finished.has(index) && running.size < MAX_CHOICES) {
        running.add(index)
      }
      index = '0'
      isTold = false
      isFinish = false
    },
    tell(name, json) {
      isTold = true
      if (name === 'index') index = json
      // Every delta names its finish_reason; only the last gives it a text instead of null.
      else isFinish = !NOTHING_TOLD.has(json)
    },
    areFinished: () => finished.size > 0 && running.size === 0,
  }
}
