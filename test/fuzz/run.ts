import { parseArgs } from 'node:util'

import { buildAnswerCase } from './answer-case.ts'
import { type FuzzResult, runFuzz } from './fuzz.ts'
import { buildRequestCase } from './request-case.ts'

const USAGE = `npm run fuzz -- [options]

  --seed N        the run that this number makes (default: one made of the time)
  --requests N    mutated requests (default 100000)
  --answers N     mutated answers of the upstream (default 100000)
  --seconds N     begin no more after so long (default: no limit)
  --only CASE     only this case of the seed, such as r17 or a4, and show it
`

const EX_USAGE = 64

const { values } = parseArgs({
  options: {
    seed: { type: 'string' },
    requests: { type: 'string', default: '100000' },
    answers: { type: 'string', default: '100000' },
    seconds: { type: 'string', default: '1000000' },
    only: { type: 'string' },
    help: { type: 'boolean', default: false },
  },
})
const seed = Number(values.seed ?? Date.now() % 1_000_000_000)
const [requests, answers, seconds] = [values.requests, values.answers, values.seconds].map(Number)
const isUsable =
  [seed, requests, answers, seconds].every(Number.isInteger) &&
  /^(?:[ra]\d+)?$/.test(values.only ?? '')
if (values.help || !isUsable) {
  process.stderr.write(USAGE)
  process.exit(EX_USAGE)
}

// With an exit, the processes that were started end too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

process.stdout.write(`seed ${seed}\n`)
if (values.only !== undefined) showCase(values.only)
const result = await runFuzz({
  seed,
  requests: requests ?? 0,
  answers: answers ?? 0,
  limitMs: (seconds ?? 0) * 1000,
  only: values.only,
  onProgress: (done) => process.stdout.write(`${describe(done)}\n`),
})
for (const { caseId, problem } of result.failures) {
  process.stdout.write(`FAILED ${caseId}: ${problem}\n`)
  if (caseId !== '') process.stdout.write(`  npm run fuzz -- --seed ${seed} --only ${caseId}\n`)
}
process.stdout.write(`${describe(result)}\n`)
process.exit(result.failures.length === 0 ? 0 : 1)

function describe({
  requests: sent,
  answers: answered,
  seconds: took,
  failures,
  rssMb,
  fds,
}: FuzzResult): string {
  const perSecond = Math.round((sent + answered) / took)
  return (
    `${sent} requests, ${answered} answers in ${Math.round(took)} s (${perSecond}/s), ${failures.length} failed; ` +
    `memory ${rssMb.map(Math.round).join(' → ')} MiB, descriptors ${fds.join(' → ')}`
  )
}

function showCase(id: string): void {
  const build = id.startsWith('a') ? buildAnswerCase : buildRequestCase
  process.stdout.write(`${JSON.stringify(build(seed, Number(id.slice(1))), undefined, 2)}\n`)
}
