import { parseArgs } from 'node:util'

import { runBilling } from './billing.ts'
import { CONTENDERS, isInstalled } from './contenders/contenders.ts'
import { measureFull } from './full.ts'
import { runLedger } from './ledger.ts'
import { describeFailure, say } from './measure.ts'
import { profileKeystow } from './profile.ts'
import { aimsSection } from './report/aims-table.ts'
import { readRecorded, writeFull, writeRecorded, writeSmoke } from './report/files.ts'
import { detailedSection, smokeSection } from './report/sections.ts'
import { busyShare, describeRun } from './rig/machine.ts'
import { MissingProgramError } from './rig/native.ts'
import { createStage, type Stage } from './rig/stage.ts'
import { runSmoke } from './smoke.ts'
import { runTaps } from './taps.ts'
import { recordRatios, updateRatios } from './verdict.ts'

const USAGE = `npm run bench -- smoke|full|profile|taps|ledger|billing [options]

  smoke    processor time a request and an event beside http-proxy, and nginx if it is there; under two minutes.
           Fails when Keystow has become slower by half than bench/recorded.json says
  full     every contender that is installed, every figure, and smoke; about twenty-four minutes
  profile  where Keystow spends its processor time
  billing  10,000 requests in the ledger beside the built-in upstream's bill; some minutes. Fails when they differ
  taps     what meter, scan and ledger take of an event and of a request together; half a minute
  ledger   what the embedded ledger costs the event loop at 5,000 entries a second; half a minute

  --write         put what was measured into the READMEs, docs/ and bench/; bench/recorded.json keeps the
                  lesser ratio of what it has and what was measured
  --anew          with --write: what was measured takes the place of what is recorded, also where it is more
  --rounds=5      full: how often what counts most is measured
  --only=a,b      full: these contenders (${CONTENDERS.map(({ id }) => id).join(', ')})
  --node=PATH     the Node that runs Keystow, http-proxy and Node alone
  --tls           profile: with TLS to the upstream
`

const COMMANDS = ['smoke', 'full', 'profile', 'taps', 'ledger', 'billing'] as const

/** sysexits.h: EX_USAGE, EX_UNAVAILABLE. */
const EXIT_USAGE = 64
const EXIT_UNAVAILABLE = 69

/** Smoke's; it takes less, unless the machine has no time for it at all. */
const GIVE_UP_AFTER_MS = 115_000

/** Beyond, figures say more about the neighbours. */
const QUIET_SHARE = 0.1

const { command, options } = readArguments()
if (command === 'ledger' || command === 'taps') {
  process.stdout.write(`${await (command === 'taps' ? runTaps() : runLedger())}\n`)
  process.exit(0)
}
if (command === 'billing') {
  process.exit((await runBilling({ requests: 10_000, aborted: 1000, seed: 20261124 })) ? 0 : 1)
}
if (command === 'smoke') setTimeout(giveUp, GIVE_UP_AFTER_MS - performance.now())
const stage = await createStageOrExit()
if (command === 'smoke') process.exit((await smoke(stage)) ? 0 : 1)
else if (command === 'full') await full(stage)
else process.stdout.write(`${await profileKeystow(stage, { isTls: options.tls })}\n`)
process.exit(0)

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      allowPositionals: true,
      options: {
        write: { type: 'boolean', default: false },
        anew: { type: 'boolean', default: false },
        rounds: { type: 'string', default: '5' },
        only: { type: 'string' },
        node: { type: 'string', default: process.execPath },
        tls: { type: 'boolean', default: false },
      },
    })
    const [name, ...rest] = positionals
    const command = COMMANDS.find((known) => known === name)
    if (command !== undefined && rest.length === 0) return { command, options: values }
  } catch {
    // The usage says what is known.
  }
  return exitWith(EXIT_USAGE, USAGE)
}

async function createStageOrExit(): Promise<Stage> {
  try {
    return await createStage(options.node)
  } catch (error) {
    if (!(error instanceof MissingProgramError)) throw error
    return exitWith(EXIT_UNAVAILABLE, `The benchmark cannot run: ${error.message}`)
  }
}

function exitWith(code: number, message: string): never {
  say(message)
  process.exit(code)
}

function giveUp(): void {
  say(`FAILED: not done after ${GIVE_UP_AFTER_MS / 1000} s; others leave this machine no time`)
  process.exit(1)
}

async function smoke(on: Stage): Promise<boolean> {
  const recorded = readRecorded()
  const { figures, failed, slower, missing } = await runSmoke(on, {
    recorded,
    isWritten: options.write,
  })
  const complaints = [...failed, ...slower]
  process.stdout.write(`${smokeSection(figures.table, recorded, 'en')}\n`)
  for (const label of missing) say(`${label}: left out, not installed`)
  for (const complaint of complaints) say(`FAILED: ${complaint}`)
  if (options.write) {
    const measured = recordRatios(figures.table)
    const ratios = updateRatios(recorded, measured, { isAnew: options.anew })
    writeRecorded(ratios)
    writeSmoke(figures.table, ratios)
  }
  return complaints.length === 0
}

async function full(on: Stage): Promise<void> {
  const startedAt = performance.now()
  const busyBefore = await busyShare()
  if (busyBefore > QUIET_SHARE) {
    say(
      `Others use ${(100 * busyBefore).toFixed(0)} % of the processor: these figures will not be worth keeping.`,
    )
  }
  const only = options.only?.split(',')
  const contenders = CONTENDERS.filter(isInstalled).filter(({ id }) => only?.includes(id) ?? true)
  const rounds = Number(options.rounds)
  const { figures, failures } = await measureFull({ stage: on, contenders, rounds })
  const about = describeRun({
    node: options.node,
    rounds,
    startedAt,
    busyBefore,
    failures: failures.map(describeFailure),
  })
  process.stdout.write(
    `${aimsSection(figures.table)}\n\n${detailedSection(figures.table, about)}\n`,
  )
  if (options.write) writeFull({ table: figures.table, about })
  await smoke(on)
}
