import { randomBytes } from 'node:crypto'

import { type Answer, jsonAnswer } from './answer.ts'
import { type DemoRequest, isObject, missing } from './demo-request.ts'

const DEFAULT_MODEL = 'omni-moderation-latest'
/** 砍: to hack at somebody; the example text of the reseller's page has it. */
const VIOLENT = /砍|杀|kill|attack/i
const OTHER_CATEGORIES = ['harassment', 'hate', 'self-harm', 'sexual', 'sexual/minors', 'illicit']

/** POST /v1/moderations: flags a few violent words. */
export function answerModeration({ json, model }: DemoRequest): Answer {
  const { input } = json
  if (input === undefined) throw missing('input')
  const texts = Array.isArray(input) ? input.map(readText) : [readText(input)]
  const id = `modr-${randomBytes(12).toString('hex')}`
  return jsonAnswer({ id, model: model || DEFAULT_MODEL, results: texts.map(moderate) })
}

function readText(item: unknown): string {
  if (typeof item === 'string') return item
  const text = isObject(item) ? item['text'] : undefined
  return typeof text === 'string' ? text : ''
}

function moderate(text: string) {
  const flagged = VIOLENT.test(text)
  const names = ['violence', ...OTHER_CATEGORIES]
  const isFlagged = (name: string): boolean => flagged && name === 'violence'
  return {
    flagged,
    categories: Object.fromEntries(names.map((name) => [name, isFlagged(name)])),
    category_scores: Object.fromEntries(
      names.map((name) => [name, isFlagged(name) ? 0.98 : 0.001]),
    ),
  }
}
