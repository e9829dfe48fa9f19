import { runSoak, type SoakReport } from './soak.ts'

const USAGE = `npm run soak [-- MINUTES [SEED]]

  Mixed load with faults of the upstream, clients that leave, Redis restarts, key changes and reloads,
  for 30 minutes unless told otherwise. Memory is judged from 10 minutes on.
`

const EX_USAGE = 64

const [minutes = 30, seed = Date.now() % 1_000_000_000] = process.argv.slice(2).map(Number)
if (!(minutes > 0) || !Number.isInteger(seed)) {
  process.stderr.write(USAGE)
  process.exit(EX_USAGE)
}

// With an exit, the processes that were started end too.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

process.stdout.write(`seed ${seed}\n`)
const report = await runSoak({
  minutes,
  seed,
  onProgress: (now) => process.stdout.write(describe(now)),
})
process.stdout.write(describe(report))
for (const problem of report.problems) process.stdout.write(`FAILED: ${problem}\n`)
process.stdout.write(
  report.problems.length === 0 ? 'The soak has passed.\n' : 'The soak has failed.\n',
)
process.exit(report.problems.length === 0 ? 0 : 1)

function describe({
  minutes: passed,
  requests,
  statuses,
  disturbances,
  rssMb,
  fds,
  problems,
}: SoakReport): string {
  const list = (counts: Readonly<Record<string, number>>): string =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  return (
    `${passed.toFixed(1)} min: ${requests} requests (${list(statuses)}); ${list(disturbances)}; ` +
    `memory ${rssMb.map(Math.round).join(' → ')} MiB, descriptors ${fds.join(' → ')}, ${problems.length} failed\n`
  )
}
