import { createJsonNames } from '../usage/scan/json-names.ts'
import { WANT, type Want } from '../usage/scan/json-reader.ts'
import { createJsonScan, type JsonScan } from '../usage/scan/json-scan.ts'
import { createShapePool } from '../usage/scan/shape-pool.ts'
import { createTextTally } from '../usage/scan/text-tally.ts'
import { createEventReader, type EventHandlers, type EventReader } from './event-reader.ts'
import { createRepeatedEvent, isRepeat, learnEvent, type RepeatedEvent } from './repeated-event.ts'
import type { StreamForm } from './stream-form.ts'

/** How far a stream of a known form has come. */
export interface StreamProgress extends EventReader {
  /** Whether the chunk is an event like one that was read: it tells nothing, and need not be read. */
  isRepeat(chunk: Buffer): boolean
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
const FIRST_CHOICE = '0'
/** More than any upstream takes; an answer with more is judged by the first. */
const MAX_CHOICES = 1024
const NAMES = createJsonNames(['choices', 'index', 'finish_reason', 'type', 'error'])
/** What is not named there tells nothing here. */
const SHAPES = createShapePool(NAMES)
/** No text is asked for: one for all, of thousands of streams. */
const UNCOUNTED = createTextTally()
/** What stands where nothing is to be told. */
const NOTHING_TOLD: ReadonlySet<string> = new Set(['null', '""', 'false'])

interface ProgressState {
  readonly form: StreamForm
  readonly json: JsonScan
  readonly repeated: RepeatedEvent
  readonly choices: Choices
  isOpen: boolean
  /** Where in the chunk the last event begins, if it begins there. */
  openFrom: number
  openBytes: number
  hasField: boolean
  isEnded: boolean
  isError: boolean
  isErrorTold: boolean
  isLast: boolean
  type: string
  eventEnds: number
  /** A chunk that comes begins an event, and none that came before it is the last. */
  isFresh: boolean
}

export function createStreamProgress(form: StreamForm): StreamProgress {
  const choices = createChoices()
  const progress: ProgressState = {
    form,
    json: createJsonScan({
      names: NAMES,
      text: UNCOUNTED,
      onName,
      onValue: (name, json) => readValue(progress, name, json),
      onElement: () => endChoice(choices),
      onEnd: () => endJson(progress),
    }),
    repeated: createRepeatedEvent(SHAPES),
    choices,
    isOpen: false,
    openFrom: 0,
    openBytes: 0,
    hasField: false,
    isEnded: false,
    isError: false,
    isErrorTold: false,
    isLast: false,
    type: '',
    eventEnds: 0,
    isFresh: true,
  }
  const events = createEventReader(HANDLERS, progress)
  return {
    write: (chunk) => write(progress, events, chunk),
    isRepeat: (chunk) => progress.isFresh && isRepeat(progress.repeated, chunk),
    isBetweenEvents: events.isBetweenEvents,
    end: events.end,
    openBytes: () => progress.openBytes,
    isFinished: () => isFinished(progress),
    isEnded: () => progress.isEnded || (form.endMark === '' && isFinished(progress)),
    isErrorTold: () => progress.isErrorTold,
  }
}

function write(progress: ProgressState, events: EventReader, chunk: Buffer): void {
  const wasFresh = progress.isFresh
  progress.openFrom = 0
  progress.openBytes = 0
  const endsBefore = progress.eventEnds
  events.write(chunk)
  progress.isFresh = chunk.at(-1) === LF && events.isBetweenEvents() && isQuiet(progress)
  const isOne = progress.eventEnds === endsBefore + 1
  if (wasFresh && isOne && progress.isFresh) learnEvent(progress.repeated, chunk)
  if (progress.isOpen && !events.isBetweenEvents()) {
    progress.openBytes = chunk.length - progress.openFrom
  }
}

/** Choices that run or have finished already are told of again by an event that comes again, and nothing else is. */
const isQuiet = ({ isOpen, isEnded, isErrorTold, isLast }: ProgressState): boolean =>
  !isOpen && !isEnded && !isErrorTold && !isLast

const isFinished = ({ isOpen, isLast, choices, form }: ProgressState): boolean =>
  !isOpen && (form.isLastType === undefined ? areFinished(choices) : isLast)

const HANDLERS: EventHandlers<ProgressState> = {
  onField(progress, at) {
    if (progress.hasField) return
    progress.hasField = true
    progress.isOpen = true
    progress.openFrom = at
  },
  onData: ({ json }, chunk, from, to) => json.write(chunk, from, to),
  onLine(progress, text) {
    const { endMark } = progress.form
    if (endMark === '' || text !== endMark) return
    progress.isEnded = true
    progress.isOpen = false
  },
  onEventEnd(progress) {
    progress.eventEnds++
    progress.hasField = false
    progress.isError = false
    progress.json.reset()
  },
}

function onName(name: string, depth: number): Want {
  if (name === 'choices') return depth === 1 ? WANT.ELEMENTS : WANT.NOTHING
  const isTopLevel = name === 'type' || name === 'error'
  return depth === (isTopLevel ? 1 : CHOICE_DEPTH) ? WANT.VALUE : WANT.NOTHING
}

function readValue(progress: ProgressState, name: string, json: string): void {
  if (name === 'type') progress.type = json.slice(1, -1)
  else if (name === 'error') progress.isError ||= !NOTHING_TOLD.has(json)
  else tellChoice(progress.choices, name, json)
}

function endJson(progress: ProgressState): void {
  endChoice(progress.choices)
  const { type, form } = progress
  progress.isOpen = false
  progress.isErrorTold ||= progress.isError || type === 'error'
  progress.isLast ||= form.isLastType?.(type) ?? false
  progress.type = ''
}

interface Choices {
  /** Of the choice whose members are read. */
  index: string
  isTold: boolean
  isFinish: boolean
  /** The first is nearly always the only one, and none of the others' sets is made. */
  isFirstRunning: boolean
  isFirstFinished: boolean
  running: Set<string> | undefined
  finished: Set<string> | undefined
}

const createChoices = (): Choices => ({
  index: FIRST_CHOICE,
  isTold: false,
  isFinish: false,
  isFirstRunning: false,
  isFirstFinished: false,
  running: undefined,
  finished: undefined,
})

function tellChoice(choices: Choices, name: string, json: string): void {
  choices.isTold = true
  if (name === 'index') choices.index = json
  // Every delta names its finish_reason; only the last gives it a text instead of null.
  else choices.isFinish = !NOTHING_TOLD.has(json)
}

/** The members that follow are the next choice's. */
function endChoice(choices: Choices): void {
  const { index, isTold, isFinish } = choices
  choices.index = FIRST_CHOICE
  choices.isTold = false
  choices.isFinish = false
  if (!isTold) return
  if (index !== FIRST_CHOICE) return endOther(choices, index, isFinish)
  choices.isFirstFinished ||= isFinish
  choices.isFirstRunning = !choices.isFirstFinished
}

function endOther(choices: Choices, index: string, isFinish: boolean): void {
  const running = (choices.running ??= new Set())
  const finished = (choices.finished ??= new Set())
  if (isFinish) {
    running.delete(index)
    if (finished.size < MAX_CHOICES) finished.add(index)
  } else if (!finished.has(index) && running.size < MAX_CHOICES) {
    running.add(index)
  }
}

/** One has finished, and none has begun that has not. */
function areFinished({ isFirstRunning, isFirstFinished, running, finished }: Choices): boolean {
  if (isFirstRunning || (running !== undefined && running.size > 0)) return false
  return isFirstFinished || (finished !== undefined && finished.size > 0)
}
