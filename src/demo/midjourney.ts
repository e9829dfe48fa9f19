import { type Answer, textAnswer } from './answer.ts'
import { type DemoRequest, findString } from './demo-request.ts'
import { TINY_PNG_URL } from './images.ts'

/** Tasks of one upstream, in memory. */
export interface MidjourneyTasks {
  readonly submit: (request: DemoRequest) => Answer
  readonly fetch: (request: DemoRequest) => Answer
  readonly listByCondition: (request: DemoRequest) => Answer
}

interface Task {
  readonly id: bigint
  readonly action: string
  readonly prompt: string
  readonly submitTimeMs: number
  progressPercent: number
}

/** Above 2^53: who parses it as a number and writes it again gets another number. */
const FIRST_TASK_ID = 17_320_000_000_000_000_001n
const PROGRESS_STEP_PERCENT = 25
const MAX_TASKS = 1000

/** POST /mj/submit/*, GET /mj/task/:id/fetch, POST /mj/task/list-by-condition; each fetch is a quarter of the work. */
export function createMidjourneyTasks(): MidjourneyTasks {
  const tasks = new Map<string, Task>()
  let nextId = FIRST_TASK_ID
  return {
    submit({ json, model, params }) {
      const id = nextId++
      const action = (params[0] ?? '').toUpperCase()
      const prompt = findString(json, 'prompt') ?? ''
      tasks.set(String(id), { id, action, prompt, submitTimeMs: Date.now(), progressPercent: 0 })
      if (tasks.size > MAX_TASKS) tasks.delete(String(id - BigInt(MAX_TASKS)))
      const charge = { model: model || 'midjourney', inputTokens: 0, images: 1 }
      const head = '{"code":1,"description":"Submit success"'
      return bareJson(`${head},"result":${id},"properties":{"demo":true}}`, { charge })
    },
    fetch({ params }) {
      const task = tasks.get(params[0] ?? '')
      if (task === undefined) return bareJson('{"code":4,"description":"任务不存在","result":null}')
      const text = writeTask(task)
      advance(task)
      return bareJson(text)
    },
    listByCondition({ body }) {
      // The ids are read as digits: parsed as JSON numbers they would name other tasks.
      const ids = body.toString().match(/\d+/g) ?? []
      const found = ids.map((id) => tasks.get(id)).filter((task) => task !== undefined)
      return bareJson(`[${found.map(writeTask).join(',')}]`)
    },
  }
}

function advance(task: Task): void {
  task.progressPercent = Math.min(100, task.progressPercent + PROGRESS_STEP_PERCENT)
}

/** Written by hand around the id, which no JavaScript number can hold. */
function writeTask({ id, action, prompt, submitTimeMs, progressPercent }: Task): string {
  const done = progressPercent === 100
  const rest = {
    action,
    prompt,
    promptEn: prompt,
    description: `/imagine ${prompt}`,
    state: '',
    submitTime: submitTimeMs,
    startTime: submitTimeMs,
    finishTime: done ? Date.now() : 0,
    progress: `${progressPercent}%`,
    status: done ? 'SUCCESS' : progressPercent === 0 ? 'SUBMITTED' : 'IN_PROGRESS',
    imageUrl: done ? TINY_PNG_URL : '',
    failReason: '',
    properties: {},
  }
  return `{"id":${id},${JSON.stringify(rest).slice(1)}`
}

function bareJson(text: string, details: Parameters<typeof textAnswer>[1] = {}): Answer {
  return textAnswer(text, { contentType: 'application/json', ...details })
}
