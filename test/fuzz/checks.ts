import { findCredential } from '../helpers/find-credential.ts'
import type { AnswerCase } from './answer-case.ts'
import { markedIn } from './case-mark.ts'
import { FUZZ_CREDENTIAL, FUZZ_TOKEN, FUZZ_WRONG_TOKEN } from './fuzz-secrets.ts'
import { readAnswers, type WireRequest } from './read-wire.ts'
import type { RequestCase } from './request-case.ts'

/** The only names that go upstream. */
const OUTBOUND_NAME =
  /^(?:accept|accept-encoding|authorization|connection|content-length|content-type|host|idempotency-key|mj-api-secret|mj-version|openai-beta|transfer-encoding|user-agent|x-runway-version|x-stainless-.*)$/

/** Headers that carry a client's own text, into which a mutation may have moved its token. */
const FREE_TEXT =
  /^(?:accept|content-type|idempotency-key|mj-version|openai-beta|user-agent|x-runway-version|x-stainless-.*)$/

const isOfMidjourney = (line: string): boolean => /^[A-Z]+ \/(?:[a-z-]+\/)?mj\//.test(line)

/** What is wrong with a request that reached the upstream; `sent` is what its client wrote, where that is known. */
export function checkOutbound({ line, headers }: WireRequest, sent: string | undefined): string[] {
  const problems: string[] = []
  const valuesOf = (wanted: string): string[] =>
    headers.filter(([name]) => name === wanted).map(([, value]) => value)
  for (const [name, value] of headers) {
    if (!OUTBOUND_NAME.test(name)) problems.push(`the header ${name} reached the upstream`)
    const hasToken = value.includes(FUZZ_TOKEN) || value.includes(FUZZ_WRONG_TOKEN)
    if (hasToken && !FREE_TEXT.test(name))
      problems.push(`a client token reached the upstream: ${name}`)
  }
  if (valuesOf('authorization').join() !== `Bearer ${FUZZ_CREDENTIAL}`) {
    problems.push(`the credential is not there once: ${valuesOf('authorization').join()}`)
  }
  const secrets = isOfMidjourney(line) ? FUZZ_CREDENTIAL : ''
  if (valuesOf('mj-api-secret').join() !== secrets) problems.push(`mj-api-secret on ${line}`)
  for (const name of ['content-type', 'host', 'content-length']) {
    if (valuesOf(name).length > 1) problems.push(`${name} stands twice`)
  }
  if (sent !== undefined && !sent.includes(FUZZ_TOKEN)) {
    problems.push('a request without a token reached the upstream')
  }
  return problems
}

/** What is wrong with the bytes that a client got for its request. */
export function checkAnswers(wire: string, { id }: RequestCase): string[] {
  const problems = checkWire(wire, id)
  if (wire.includes(FUZZ_CREDENTIAL.slice(3))) problems.push('the credential came back')
  const answers = readAnswers(wire)
  if (typeof answers === 'string') problems.push(`no answer, but ${answers}`)
  return problems
}

/** The same for an answer that the upstream has tampered with. */
export function checkTampered(wire: string, { id, path, isBroken }: AnswerCase): string[] {
  const problems = checkWire(wire, id)
  const answers = readAnswers(wire)
  if (typeof answers === 'string') return [...problems, `no answer, but ${answers}`]
  for (const text of [wire, ...answers.map(({ body }) => body)]) {
    const leak = findCredential(text, FUZZ_CREDENTIAL)
    if (leak !== undefined) problems.push(`the credential came back: ${leak}`)
  }
  const [answer, ...more] = answers
  // A connection that breaks with the head is honest, too.
  if (answer === undefined && !isBroken) problems.push('no answer at all')
  if (more.length > 0) problems.push('more than one answer')
  if (answer === undefined || !answer.isWhole || answer.status !== 200) return problems
  const isStream = answer.headers.some(
    ([name, value]) => name === 'content-type' && /^text\/event-stream\s*(?:;|$)/i.test(value),
  )
  const isChat = path === '/v1/chat/completions' || path === '/v1/completions'
  // What an upstream says behind its end is passed on, and no client listens to it.
  if (isStream && isChat && !/(?:^|[\r\n])data: ?\[DONE\](?:[\r\n]|$)/.test(answer.body)) {
    problems.push('a stream has ended without [DONE]')
  }
  return problems
}

function checkWire(wire: string, id: string): string[] {
  const problems: string[] = []
  if (wire.includes('"internal_error"')) problems.push('an unexpected error was answered')
  const stranger = markedIn(wire).find((owner) => owner !== id)
  if (stranger !== undefined) problems.push(`the answer to ${stranger} came`)
  return problems
}
