import { failUsage, readArguments } from '../../src/cli/arguments.ts'
import { buildAnswerCase } from './answer-case.ts'
import { type FuzzResult, runFuzz } from './fuzz.ts'
import { buildRequestCase } from './request-case.ts'

const USAGE = `npm run fuzz -- [options]

  --seed N        the run that this number makes (default: one made of the time)
  --requests N    mutated requests (default 100000)
  --answers N     mutated answers of the upstream (default 100000)
  --seconds N     begin no more after so long (default: no limit)
  --only CASE     only this case of the seed, such as r17 or a4, and show it
  --help          prints this
`

const options = readArguments({
  usage: USAGE,
  options: {
    seed: 'string',
    requests: 'string',
    answers: 'string',
    seconds: 'string',
    only: 'string',
  },
})
const only = options.textOf('only')
const seed = Number(options.textOf('seed') ?? Date.now() % 1_000_000_000)
const requests = Number(options.textOf('requests') ?? 100_000)
const answers = Number(options.textOf('answers') ?? 100_000)
const seconds = Number(options.textOf('seconds') ?? 1_000_000)
const isUsable =
  [seed, requests, answers, seconds].every(Number.isInteger) && /^(?:[ra]\d+)?$/.test(only ?? '')
if (!isUsable) failUsage(['a value cannot be used'], USAGE)

// With an exit, the processes that were started end too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

process.stdout.write(`seed ${seed}\n`)
let told = 0
if (only !== undefined) showCase(only)
const result = await runFuzz({
  seed,
  requests,
  answers,
  limitMs: seconds * 1000,
  only,
  onProgress: tell,
})
tell(result)
process.exit(result.failures.length === 0 ? 0 : 1)

/** Failures as they come: a long run may be stopped by hand. */
function tell(done: FuzzResult): void {
  for (const { caseId, problem } of done.failures.slice(told)) {
    process.stdout.write(`FAILED ${caseId}: ${problem}\n`)
    if (caseId !== '') process.stdout.write(`  npm run fuzz -- --seed ${seed} --only ${caseId}\n`)
  }
  told = done.failures.length
  process.stdout.write(`${describe(done)}\n`)
}

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
