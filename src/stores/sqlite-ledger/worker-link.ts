import { Worker } from 'node:worker_threads'

import type { LedgerNotice } from '../ledger-store.ts'
import type {
  Answer,
  AnyAnswer,
  CallName,
  CallOf,
  CallValue,
  FromWorker,
  ToWorker,
  WorkerSetup,
} from './protocol.ts'
import type { Position } from './segments.ts'
import { toError } from '../../thrown.ts'

/** A call that takes longer is given up; a large query takes seconds. */
const CALL_TIMEOUT_MS = 30_000

const RESTART_MS = 1000

/** Nobody may ask for long, and what is written is to be entered. */
const START_WITHIN_MS = 500

/**
 * The thread that owns the database, seen from the event loop. It is started by whoever first asks it something, or
 * when the process has had the time to start: on one core the two starts take a fifth longer together.
 */
export interface WorkerLink {
  /** Tells how far the journal is written. */
  send(message: Exclude<ToWorker, { type: 'call' }>): void
  call<Name extends CallName>(call: CallOf<Name>): Promise<CallValue<Name>>
  stop(): Promise<void>
}

const WORKER_SCRIPT = new URL('./worker.ts', import.meta.url)

interface WorkerLinkOptions {
  readonly setup: WorkerSetup
  readonly script?: URL
  onEntered(position: Position): void
  /** Entering began to fail; without an error it no longer does. */
  onState(error?: Error): void
  onNotice(notice: LedgerNotice): void
  onChanged(): void
}

interface WaitingCall {
  settle(message: Extract<FromWorker, { type: 'answer' | 'failure' }>): void
}

export function createWorkerLink(options: WorkerLinkOptions): WorkerLink {
  const waiting = new Map<number, WaitingCall>()
  let calls = 0
  let sent: ToWorker | undefined
  let { firstSegment } = options.setup
  let worker: Worker | undefined
  let starting: NodeJS.Timeout | undefined = setTimeout(start, START_WITHIN_MS)
  let isToStart = true
  let hasCrashed = false

  function start(): void {
    clearTimeout(starting)
    isToStart = false
    try {
      worker = new Worker(options.script ?? WORKER_SCRIPT, {
        workerData: { ...options.setup, firstSegment },
      })
    } catch (error) {
      // The system has no more threads to give.
      return onCrash(toError(error))
    }
    worker.on('message', receive)
    worker.on('error', onCrash)
    if (sent !== undefined) post(sent)
  }

  function receive(message: FromWorker): void {
    switch (message.type) {
      case 'entered':
        firstSegment = message.position.segment
        if (hasCrashed) options.onState()
        hasCrashed = false
        return options.onEntered(message.position)
      case 'state':
        return options.onState(message.error)
      case 'notice':
        return options.onNotice(message.notice)
      case 'changed':
        return options.onChanged()
      case 'answer':
      case 'failure':
        return waiting.get(message.id)?.settle(message)
    }
  }

  /** What it had not entered stands in the journal, from the first segment that is left. */
  function onCrash(error: Error): void {
    worker = undefined
    hasCrashed = true
    giveUpCalls(error)
    options.onState(error)
    starting = setTimeout(start, RESTART_MS)
  }

  function post(message: ToWorker): void {
    worker?.postMessage(message, [])
  }

  function giveUpCalls(error: Error): void {
    for (const [id, call] of waiting) call.settle({ type: 'failure', id, error })
  }

  return {
    send(message) {
      sent = message
      // Of several texts only the last would be kept.
      if (isToStart && message.type === 'text') start()
      else post(message)
    },
    call(call) {
      return new Promise((resolve, reject) => {
        const id = ++calls
        if (isToStart) start()
        if (worker === undefined) return reject(new Error('the ledger is being restarted'))
        const timer = setTimeout(() => {
          waiting.delete(id)
          reject(new Error(`the ledger did not answer (${call.name})`))
        }, CALL_TIMEOUT_MS)
        waiting.set(id, {
          settle(message) {
            clearTimeout(timer)
            waiting.delete(id)
            if (message.type === 'failure') reject(message.error)
            else if (isAnswerTo(call, message.answer)) resolve(message.answer.value)
          },
        })
        post({ type: 'call', id, call })
      })
    },
    async stop() {
      isToStart = false
      clearTimeout(starting)
      await worker?.terminate()
      worker = undefined
      giveUpCalls(new Error('the ledger is closed'))
    },
  }
}

const isAnswerTo = <Name extends CallName>(
  { name }: CallOf<Name>,
  answer: AnyAnswer,
): answer is AnyAnswer & Answer<Name> => answer.name === name
