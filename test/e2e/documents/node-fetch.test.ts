import { describe, expect, it } from 'vitest'

import { type ProgramRun, runProgram } from '../../helpers/run-program.ts'
import {
  askDirectly,
  expectNoCredential,
  expectSuccess,
  PROGRAM_TEST_TIMEOUT_MS,
  readRequest,
  setStage,
  type Stage,
} from './stage.ts'

describe('the node-fetch example', { timeout: PROGRAM_TEST_TIMEOUT_MS }, () => {
  it('embeds a text', async () => {
    const stage = await setStage({ example: 'embeddings.js', beside: ['print-answer.cjs'] })
    const answer = await runToAnswer(stage, 'embeddings.js')
    const { json, body } = await readRequest(stage, '/v1/embeddings')
    expect(json).toEqual({ input: '一起来使用ChatGPT', model: 'text-embedding-ada-002' })
    expect(stage.tap.sent().includes(body)).toBe(true)
    expect(answer).toMatchObject({
      object: 'list',
      data: [{ object: 'embedding', index: 0, embedding: expect.any(Array) }],
    })
    expect(answer).toEqual(JSON.parse(await askDirectly(stage, '/v1/embeddings', json)))
  })

  it('moderates a text', async () => {
    const stage = await setStage({ example: 'moderations.js', beside: ['print-answer.cjs'] })
    const answer = await runToAnswer(stage, 'moderations.js')
    const { json, body } = await readRequest(stage, '/v1/moderations')
    expect(json).toEqual({ input: '有人砍我' })
    expect(stage.tap.sent().includes(body)).toBe(true)
    expect(answer).toMatchObject({
      id: expect.stringMatching(/^modr-/),
      results: [{ flagged: expect.any(Boolean), categories: expect.any(Object) }],
    })
  })
})

async function runToAnswer(stage: Stage, example: string): Promise<unknown> {
  const run: ProgramRun = await runProgram(process.execPath, ['print-answer.cjs', example], {
    cwd: stage.directory,
  })
  expectSuccess(run)
  expectNoCredential(stage, run.stdout, run.stderr)
  const [status, ...rest] = run.stdout.split('\n')
  expect(status).toBe('200')
  return JSON.parse(rest.join('\n'))
}
