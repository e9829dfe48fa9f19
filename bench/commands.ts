import type { Options } from './arguments.ts'
import { CONTENDERS, isInstalled } from './contenders/contenders.ts'
import { measureFull } from './full.ts'
import { describeFailure, say } from './measure.ts'
import { aimsSection } from './report/aims-table.ts'
import { readRecorded, writeFull, writeRecorded, writeSmoke } from './report/files.ts'
import { detailedSection, smokeSection } from './report/sections.ts'
import { readCommit } from './rig/commit.ts'
import { busyShare, describeRun } from './rig/machine.ts'
import type { Stage } from './rig/stage.ts'
import { runSmoke } from './smoke.ts'
import { recordRatios, updateRatios } from './verdict.ts'

/** Beyond, figures say more about the neighbours. */
const QUIET_SHARE = 0.1

const ROOT = new URL('..', import.meta.url)

/** False when Keystow has become slower, or could not do something. */
export async function smoke(stage: Stage, { write, anew }: Options): Promise<boolean> {
  const recorded = readRecorded()
  const result = await runSmoke(stage, { recorded, isWritten: write })
  const { figures, failed, slower, missing } = result
  process.stdout.write(`${smokeSection(figures.table, recorded, 'en')}\n`)
  for (const label of missing) say(`${label}: left out, not installed`)
  for (const complaint of [...failed, ...slower]) say(`FAILED: ${complaint}`)
  // Readers and later runs trust what is written. Where Keystow failed there is nothing to trust; where it was slower,
  // that is noise or a regression, until --anew says that this is what it takes from now on.
  const isTrusted = failed.length === 0 && (slower.length === 0 || anew)
  if (write && !isTrusted) say('not written: the table of smoke, and bench/recorded.json')
  if (write && isTrusted) {
    const ratios = updateRatios(recorded, recordRatios(figures.table), { isAnew: anew })
    writeRecorded(ratios)
    writeSmoke(figures.table, ratios)
  }
  return failed.length === 0 && slower.length === 0
}

/** What smoke says, behind everything else; what was measured before it stands, with its failures in it. */
export async function full(stage: Stage, options: Options): Promise<boolean> {
  const { node, rounds, only, write } = options
  const wanted = CONTENDERS.filter(({ id }) => only?.includes(id) ?? true)
  const contenders = wanted.filter(isInstalled)
  if (contenders.length === 0) {
    say(`FAILED: not installed: ${wanted.map(({ label }) => label).join(', ')}`)
    return false
  }
  const startedAt = performance.now()
  // Now, because the tree may be another when it is done.
  const commit = readCommit(ROOT)
  const busyBefore = await busyShare()
  if (busyBefore > QUIET_SHARE) {
    say(
      `Others use ${(100 * busyBefore).toFixed(0)} % of the processor: these figures will not be worth keeping.`,
    )
  }
  const { figures, failures } = await measureFull({ stage, contenders, rounds })
  const about = describeRun({
    node,
    commit,
    contenders,
    rounds,
    startedAt,
    busyBefore,
    failures: failures.map(describeFailure),
  })
  process.stdout.write(
    `${aimsSection(figures.table)}\n\n${detailedSection(figures.table, about)}\n`,
  )
  if (write) writeFull({ table: figures.table, about })
  return smoke(stage, options)
}
