import { connect } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

import { readAnswers } from '../fuzz/read-wire.ts'
import { findCredential } from '../helpers/find-credential.ts'
import type { Plan } from './plans.ts'

interface SoakTarget {
  readonly port: number
  readonly token: string
  /** None of them may come back. */
  readonly credentials: readonly string[]
}

export interface SoakOutcome {
  /** Undefined for a client that left. */
  readonly status: number | undefined
  /** What was wrong. */
  readonly problem: string | undefined
}

/** Longer than every clock that the soak sets, and than any answer that a machine under load takes. */
const HANG_MS = 60_000
/** The last event, or an error that the upstream told itself. */
const RESPONSES_END =
  /(?:event: (?:error|response\.(?:completed|incomplete|failed))\ndata: |\n\ndata: \{"error":)[^\n]*\n\n$/
const READ_PAUSE_MS = 300
const MAX_PAUSES = 20

const LEAVES: ReadonlySet<Plan['client']> = new Set([
  'leaves',
  'resets',
  'closes its side',
  'breaks off its body',
])

/** Carries a plan out; a client that stays must get an honest end. */
export async function carryOut(plan: Plan, target: SoakTarget): Promise<SoakOutcome> {
  const body = JSON.stringify({
    model: plan.model,
    stream: plan.isStream,
    max_tokens: 20,
    input: '你好',
    voice: 'alloy',
    messages: [{ role: 'user', content: '你好, and a word or two in English' }],
  })
  const cut = plan.client === 'breaks off its body' ? body.slice(0, 20) : body
  const head =
    `POST ${plan.path} HTTP/1.1\r\nhost: keystow.test\r\nauthorization: Bearer ${target.token}\r\n` +
    `content-type: application/json\r\nconnection: close\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n`
  const { wire, isHung } = await talk(target.port, head + cut, plan)
  if (isHung) return { status: undefined, problem: 'nothing has ended it' }
  if (LEAVES.has(plan.client)) return { status: undefined, problem: leakIn(wire, target) }
  return judge(wire, plan, target)
}

function judge(wire: string, plan: Plan, target: SoakTarget): SoakOutcome {
  const answers = readAnswers(wire)
  if (typeof answers === 'string')
    return { status: undefined, problem: `no answer, but ${answers}` }
  const [answer, second] = answers
  if (answer === undefined || second !== undefined) {
    return { status: undefined, problem: `${answers.length} answers` }
  }
  const { status, isWhole } = answer
  if (!isWhole && !plan.mayBreak)
    return { status, problem: `broken off after ${wire.length} bytes` }
  const isChat = plan.path === '/v1/chat/completions'
  const isEvents = plan.isStream && status === 200
  if (isEvents && isChat && !answer.body.endsWith('data: [DONE]\n\n')) {
    return {
      status,
      problem: `a stream without [DONE]: ${JSON.stringify(answer.body.slice(-200))}`,
    }
  }
  if (isEvents && !isChat && !RESPONSES_END.test(answer.body)) {
    return {
      status,
      problem: `a stream without an end: ${JSON.stringify(answer.body.slice(-200))}`,
    }
  }
  return { status, problem: leakIn(wire, target) }
}

function leakIn(wire: string, { credentials }: SoakTarget): string | undefined {
  // A megabyte of text is searched as it is, as what is small is in every form.
  const isLeak = (credential: string): boolean =>
    wire.length > 20_000
      ? wire.includes(credential.slice(3))
      : findCredential(wire, credential) !== undefined
  return credentials.some(isLeak) ? 'the credential came back' : undefined
}

async function talk(port: number, request: string, { client }: Plan) {
  const socket = connect({ port, host: '127.0.0.1', noDelay: true })
  let wire = ''
  let timer: NodeJS.Timeout | undefined
  let pauses = 0
  const closed = new Promise<boolean>((resolve) => {
    socket.once('close', () => resolve(false))
    socket.on('error', () => {})
    timer = setTimeout(() => resolve(true), HANG_MS)
  })
  socket.setEncoding('latin1').on('data', (bytes: string) => {
    wire += bytes
    if (client === 'reads slowly' && pauses++ < MAX_PAUSES) {
      socket.pause()
      setTimeout(() => socket.resume(), READ_PAUSE_MS)
    }
  })
  socket.write(request)
  if (LEAVES.has(client)) {
    // Anywhere between the request and the end of most answers.
    await wait(Math.random() * 100)
    if (client === 'resets') socket.resetAndDestroy()
    else if (client === 'closes its side') socket.end()
    else socket.destroy()
  }
  const isHung = await closed
  clearTimeout(timer)
  socket.destroy()
  return { wire, isHung }
}
