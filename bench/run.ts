import { parseArguments, USAGE, UsageError } from './arguments.ts'
import { runBilling } from './billing.ts'
import { full, smoke } from './commands.ts'
import { runLedger } from './ledger.ts'
import { say } from './measure.ts'
import { profileKeystow } from './profile.ts'
import { MissingProgramError } from './rig/native.ts'
import { createStage, type Stage } from './rig/stage.ts'
import { runTaps } from './taps.ts'

/** sysexits.h: EX_USAGE, EX_UNAVAILABLE. */
const EXIT_USAGE = 64
const EXIT_UNAVAILABLE = 69

/** Smoke's; it takes less, unless the machine has no time for it at all. */
const GIVE_UP_AFTER_MS = 115_000

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
if (command === 'smoke') process.exit((await smoke(stage, options)) ? 0 : 1)
if (command === 'full') process.exit((await full(stage, options)) ? 0 : 1)
process.stdout.write(`${await profileKeystow(stage, { isTls: options.tls })}\n`)
process.exit(0)

function readArguments(): ReturnType<typeof parseArguments> {
  try {
    return parseArguments(process.argv.slice(2))
  } catch (error) {
    if (!(error instanceof UsageError)) throw error
    return exitWith(EXIT_USAGE, `${USAGE}\n${error.message}`)
  }
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
