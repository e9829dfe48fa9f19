import { closeSync, openSync } from 'node:fs'
import { isatty } from 'node:tty'

import { readArguments } from './arguments.ts'
import { EXIT_CONFIG } from './exit-codes.ts'
import { onStopRequests } from './stop-signals.ts'
import { parseConfig, type ValidConfig } from '../config/load.ts'
import { readServerInputs } from '../config/read-inputs.ts'
import { createSecretFiles } from '../config/secret-sources.ts'
import { openLogDestination } from '../log-destination.ts'
import { stopPretenuring } from '../pretenuring.ts'
import type { Running } from '../running.ts'
import { serveAlone } from '../serve-alone.ts'
import { serveWithThreads } from '../serve-with-threads.ts'
import { LedgerFolderError } from '../stores/sqlite-ledger/folder.ts'
import { lowerHelpers } from '../thread-priority.ts'

const USAGE = `npm start -- [options]

Serves until it is told to stop (Ctrl-C, SIGTERM). Settings come from the environment, .env and config/keystow.yaml.

  --check  only checks the settings: 0 when they can be used, 78 when not
  --help   prints this
`

const options = readArguments({ usage: USAGE, options: { check: 'boolean' } })
const wasInTerminal = isatty(0) || isatty(1)
const readInputs = () => readServerInputs(process.env)
const inputs = readInputs()
const files = createSecretFiles()
const { config, notices } = readConfig()
if (options.isSet('check')) {
  const lines = ['The configuration is valid.', ...notices]
  process.stdout.write(lines.map((line) => `${line}\n`).join(''))
} else {
  await run()
}

function readConfig(): ValidConfig {
  const result = parseConfig(inputs.env, inputs.file, { files, fileProblem: inputs.problem })
  if (result.config !== undefined) return result
  return failConfig([...result.problems, ...result.notices])
}

function failConfig(problems: readonly string[]): never {
  process.stderr.write(`Keystow does not start:\n${problems.map((line) => `  ${line}\n`).join('')}`)
  process.exit(EXIT_CONFIG)
}

async function run(): Promise<void> {
  lowerHelpers()
  const serve = config.workers === 1 ? serveAlone : serveWithThreads
  let isStopping = false
  let running: Running
  function stop(reason: string, exitCode: number): void {
    if (isStopping) return
    isStopping = true
    void running.stop(reason).then(() => process.exit(exitCode))
  }
  try {
    running = await serve({
      config,
      notices,
      inputs,
      files,
      readInputs,
      destination: await openLogDestination({
        isTerminal: process.stdout.isTTY,
        onExit: (listener) => process.on('exit', listener),
      }),
      tell: (text) => process.stderr.write(text),
      onUncaughtException: (listener) => process.on('uncaughtException', listener),
      onStorm: () => stop('too many unexpected errors', 1),
    })
  } catch (error) {
    if (error instanceof LedgerFolderError) failConfig([`DATA_DIR: ${error.message}`])
    throw error
  }

  onStopRequests((reason) => {
    // The operator has waited long enough.
    if (isStopping) process.exit(1)
    stop(reason, 0)
  })
  process.on('SIGHUP', (signal) => {
    if (!hasLostTerminal()) running.reload(signal)
    else stop(signal, 0)
  })
  if (await running.listen()) stopPretenuring()
  else process.exitCode = 1
}

/** SIGHUP also says that the terminal is gone in which somebody ran this, and who would look after it then? */
function hasLostTerminal(): boolean {
  if (!wasInTerminal) return false
  try {
    closeSync(openSync('/dev/tty', 'r'))
    return false
  } catch {
    return true
  }
}
