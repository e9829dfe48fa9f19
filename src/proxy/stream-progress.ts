import { createJsonNames } from '../usage/scan/json-names.ts'
import { type JsonReader, WANT, type Want } from '../usage/scan/json-reader.ts'
import { resetJson, writeJson } from '../usage/scan/json-scan.ts'
import { createScanState, type ScanState } from '../usage/scan/scan-state.ts'
import { createShapePool } from '../usage/scan/shape-pool.ts'
import { createTextTally } from '../usage/scan/text-tally.ts'
import {
  createEventReader,
  type EventHandlers,
  type EventReader,
  readEvents,
} from './event-reader.ts'
import { createRepeatedEvent, isRepeat, learnEvent, type RepeatedEvent } from './repeated-event.ts'
import type { StreamForm } from './stream-form.ts'

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

/** How far a stream of a known form has come. One object, which reads its lines and their JSON: there are thousands. */
export interface StreamProgress extends EventReader, JsonReader {
  readonly form: StreamForm
  readonly repeated: RepeatedEvent
  readonly choices: Choices
  /** Made with the first data. */
  json: ScanState | undefined
  isOpen: boolean
  /** Where in the chunk the last event begins, if it begins there. */
  openFrom: number
  /** How many bytes of the last chunk belong to an event whose data has not come whole. */
  openBytes: number
  hasField: boolean
  hasEndMark: boolean
  isError: boolean
  /** The upstream has told an error in the stream. */
  isErrorTold: boolean
  isLast: boolean
  type: string
  eventEnds: number
  /** A chunk that comes begins an event, and none that came before it is the last. */
  isFresh: boolean
}

export const createStreamProgress = (form: StreamForm): StreamProgress => ({
  ...createEventReader(),
  handlers: HANDLERS,
  names: NAMES,
  text: UNCOUNTED,
  onName,
  onValue: readValue,
  onElement: endElement,
  onEnd: endJson,
  form,
  repeated: createRepeatedEvent(SHAPES),
  choices: createChoices(),
  json: undefined,
  isOpen: false,
  openFrom: 0,
  openBytes: 0,
  hasField: false,
  hasEndMark: false,
  isError: false,
  isErrorTold: false,
  isLast: false,
  type: '',
  eventEnds: 0,
  isFresh: true,
})

/** Whether the chunk is an event like one that was read: it tells nothing, and need not be read. */
export const isKnown = ({ isFresh, repeated }: StreamProgress, chunk: Buffer): boolean =>
  isFresh && isRepeat(repeated, chunk)

/** Reads the next bytes. */
export function readProgress(progress: StreamProgress, chunk: Buffer): void {
  const wasFresh = progress.isFresh
  progress.openFrom = 0
  progress.openBytes = 0
  const endsBefore = progress.eventEnds
  readEvents(progress, chunk)
  progress.isFresh = chunk.at(-1) === LF && !progress.isInEvent && isQuiet(progress)
  const isOne = progress.eventEnds === endsBefore + 1
  if (wasFresh && isOne && progress.isFresh) learnEvent(progress.repeated, chunk)
  if (progress.isOpen && progress.isInEvent) {
    progress.openBytes = chunk.length - progress.openFrom
  }
}

/** Choices that run or have finished already are told of again by an event that comes again, and nothing else is. */
const isQuiet = ({ isOpen, hasEndMark, isErrorTold, isLast }: StreamProgress): boolean =>
  !isOpen && !hasEndMark && !isErrorTold && !isLast

/** Whether everything that has begun is finished, and no event is cut. */
export const isFinished = ({ isOpen, isLast, choices, form }: StreamProgress): boolean =>
  !isOpen && (form.isLastType === undefined ? areFinished(choices) : isLast)

/** Whether its last event has come: whatever follows belongs to it no longer. */
export const isEnded = (progress: StreamProgress): boolean =>
  progress.hasEndMark || (progress.form.endMark === '' && isFinished(progress))

const HANDLERS: EventHandlers<StreamProgress> = {
  onField(progress, at) {
    if (progress.hasField) return
    progress.hasField = true
    progress.isOpen = true
    progress.openFrom = at
  },
  onData(progress, chunk, from, to) {
    progress.json ??= createScanState(progress)
    writeJson(progress.json, chunk, from, to)
  },
  onLine(progress, text) {
    const { endMark } = progress.form
    if (endMark === '' || text !== endMark) return
    progress.hasEndMark = true
    progress.isOpen = false
  },
  onEventEnd(progress) {
    progress.eventEnds++
    progress.hasField = false
    progress.isError = false
    if (progress.json !== undefined) resetJson(progress.json)
  },
}

function onName(name: string, depth: number): Want {
  if (name === 'choices') return depth === 1 ? WANT.ELEMENTS : WANT.NOTHING
  const isTopLevel = name === 'type' || name === 'error'
  return depth === (isTopLevel ? 1 : CHOICE_DEPTH) ? WANT.VALUE : WANT.NOTHING
}

function readValue(name: string, json: string, progress: StreamProgress): void {
  if (name === 'type') progress.type = json.slice(1, -1)
  else if (name === 'error') progress.isError ||= !NOTHING_TOLD.has(json)
  else tellChoice(progress.choices, name, json)
}

const endElement = ({ choices }: StreamProgress): void => endChoice(choices)

function endJson(progress: StreamProgress): void {
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
