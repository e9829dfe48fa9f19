import { type MessagePort, receiveMessageOnPort } from 'node:worker_threads'

/** What one side of a channel can be asked: one value in, one out. */
export type CallShapes = Readonly<
  Record<string, { readonly input: unknown; readonly output: unknown }>
>

export type Handlers<Shapes extends CallShapes> = {
  readonly [Name in keyof Shapes]: (
    input: Shapes[Name]['input'],
  ) => Promise<Shapes[Name]['output']> | Shapes[Name]['output']
}

/** The other side of a channel. */
export interface Calls<Shapes extends CallShapes> {
  ask<Name extends keyof Shapes & string>(
    name: Name,
    input: Shapes[Name]['input'],
  ): Promise<Shapes[Name]['output']>
  /** Asks without wanting to know. */
  tell<Name extends keyof Shapes & string>(name: Name, input: Shapes[Name]['input']): void
  /** Sends now what has been asked in this turn. */
  flush(): void
  /**
   * What has come is taken. Everything that is still asked then is rejected, and whatever is asked from now on.
   */
  close(): void
}

/** No answer is worth more waiting: a client waits as well. */
const ANSWER_TIMEOUT_MS = 5000
const LOOK_INTERVAL_MS = 1000

type Message =
  | { readonly type: 'call'; readonly id: number; readonly name: string; readonly input: unknown }
  | { readonly type: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly type: 'failure'; readonly id: number; readonly message: string }

interface Waiting {
  readonly until: number
  resolve(value: unknown): void
  reject(error: Error): void
}

/** Nobody waits for the answer. */
const TOLD = 0

/**
 * Calls in both directions over one port. What is asked in one turn of the event loop goes out in one message, and
 * arrives in the order in which it was asked.
 */
export function createCalls<Local extends CallShapes, Remote extends CallShapes>(
  port: MessagePort,
  handlers: Handlers<Local>,
): Calls<Remote> {
  const waiting = new Map<number, Waiting>()
  let calls = TOLD
  let outgoing: Message[] = []
  let isClosed = false

  function send(message: Message): void {
    if (isClosed) return
    // Not at the end of this callback: each message wakes the other side, and costs both more than what is in it.
    if (outgoing.push(message) === 1) setImmediate(flush)
  }

  function flush(): void {
    if (outgoing.length === 0) return
    const messages = outgoing
    outgoing = []
    port.postMessage(messages)
  }

  async function answer(id: number, name: keyof Local, input: unknown): Promise<void> {
    try {
      const value = await handlers[name]?.(input)
      if (id !== TOLD) send({ type: 'answer', id, value })
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error)
      if (id !== TOLD) send({ type: 'failure', id, message })
    }
  }

  function receive(message: Message): void {
    if (message.type === 'call') return void answer(message.id, message.name, message.input)
    const call = waiting.get(message.id)
    waiting.delete(message.id)
    if (message.type === 'answer') call?.resolve(message.value)
    else call?.reject(new Error(message.message))
  }

  function giveUp(isOver: (call: Waiting) => boolean, reason: string): void {
    for (const [id, call] of waiting) {
      if (!isOver(call)) return
      waiting.delete(id)
      call.reject(new Error(reason))
    }
  }

  const look = setInterval(
    () => giveUp(({ until }) => until <= performance.now(), 'the main thread does not answer'),
    LOOK_INTERVAL_MS,
  )
  look.unref()
  port.on('message', (messages: readonly Message[]) => messages.forEach(receive))

  /** Where this side is busy, a thread's last words may lie behind the news of its end. */
  function takeLastWords(): void {
    for (;;) {
      const last: { readonly message: readonly Message[] } | undefined = receiveMessageOnPort(port)
      if (last === undefined) return
      last.message.forEach(receive)
    }
  }

  return {
    ask(name, input) {
      return new Promise((resolve, reject) => {
        if (isClosed) return reject(new Error('the channel is closed'))
        const id = ++calls
        waiting.set(id, { until: performance.now() + ANSWER_TIMEOUT_MS, resolve, reject })
        send({ type: 'call', id, name, input })
      })
    },
    tell: (name, input) => send({ type: 'call', id: TOLD, name, input }),
    flush,
    close() {
      flush()
      isClosed = true
      clearInterval(look)
      takeLastWords()
      giveUp(() => true, 'the channel is closed')
      port.close()
    },
  }
}
