import { closeSync, openSync } from 'node:fs'
import { isIPv6, type Server } from 'node:net'
import { isatty } from 'node:tty'
import { fileURLToPath } from 'node:url'

import { buildApp } from './app.ts'
import type { Config } from './config/config.ts'
import { parseConfig } from './config/load.ts'
import { readInputs } from './config/read-inputs.ts'
import { createSecretFiles } from './config/secret-sources.ts'
import { startReloading } from './reload.ts'
import type { Secret } from './secret.ts'
import { createServices, type Services } from './services.ts'
import { LedgerFolderError } from './stores/sqlite-ledger/folder.ts'
import { createUnexpectedErrors } from './unexpected-errors.ts'

/** EX_CONFIG of sysexits.h. */
const EXIT_CONFIG = 78

const DEFAULT_CONFIG_FILE = fileURLToPath(new URL('../config/keystow.yaml', import.meta.url))

const wasInTerminal = isatty(0) || isatty(1)
const readNow = () => readInputs(process.env, DEFAULT_CONFIG_FILE)
const inputs = readNow()
const files = createSecretFiles()
const config = readConfig()
if (process.argv.includes('--check')) {
  process.stdout.write('The configuration is valid.\n')
} else {
  await serve(config)
}

function readConfig(): Config {
  if (inputs.problem !== undefined) failConfig([inputs.problem])
  const { config: parsed, problems } = parseConfig(inputs.env, inputs.file, { files })
  return parsed ?? failConfig(problems)
}

function failConfig(problems: readonly string[]): never {
  process.stderr.write(`Keystow does not start:\n${problems.map((line) => `  ${line}\n`).join('')}`)
  process.exit(EXIT_CONFIG)
}

function startServices(...options: Parameters<typeof createServices>): Services {
  try {
    return createServices(...options)
  } catch (error) {
    if (error instanceof LedgerFolderError) failConfig([`DATA_DIR: ${error.message}`])
    throw error
  }
}

async function serve(settings: Config): Promise<void> {
  const services = startServices(
    settings,
    process.stdout.isTTY ? await createPrettyStream() : undefined,
  )
  const { logger, drain, policy } = services
  const app = await buildApp(settings, services)
  const onGeneratedToken = ({ generatedToken }: Config): void =>
    printGeneratedToken(generatedToken, baseUrl(settings, app.server.address()))
  const reloading = startReloading({
    ...services,
    readInputs: readNow,
    inputs,
    files,
    onGeneratedToken,
  })

  async function close(): Promise<void> {
    reloading.stop()
    await app.close()
    await services.close()
  }

  let isStopping = false
  function stop(reason: string, exitCode: number): void {
    isStopping = true
    logger.info({ reason }, 'draining')
    void drain
      .start(policy.current().config.drainTimeoutMs)
      .then(close)
      .then(() => {
        logger.info('stopped')
        process.exit(exitCode)
      })
  }

  function onStopSignal(signal: NodeJS.Signals): void {
    // The operator has waited long enough.
    if (isStopping) process.exit(1)
    stop(signal, 0)
  }
  process.on('SIGTERM', onStopSignal)
  process.on('SIGINT', onStopSignal)
  process.on('SIGHUP', (signal) => {
    if (!hasLostTerminal()) reloading.reload(signal)
    else if (!isStopping) stop(signal, 0)
  })

  try {
    await app.listen({ host: settings.host, port: settings.port })
  } catch (error) {
    logger.fatal({ err: error }, `cannot listen on ${settings.host}:${settings.port}`)
    process.exitCode = 1
    return close()
  }
  const onUnexpectedError = createUnexpectedErrors({
    ...services,
    onStorm: () => isStopping || stop('too many unexpected errors', 1),
  })
  process.on('uncaughtException', onUnexpectedError)
  onGeneratedToken(settings)
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

/** Printed to standard error, once: a log line would keep it. */
function printGeneratedToken(token: Secret | undefined, url: string): void {
  if (token === undefined) return
  process.stderr.write(
    `\nNo clients are configured, so this run has a client token of its own:\n\n` +
      `  ${token.reveal()}\n\n` +
      `Use it as the API key with ${url} as the base URL. Set CLIENT_TOKENS to keep one.\n\n`,
  )
}

/** With port 0 the system chooses one, which is known once it is listened on. */
function baseUrl({ host, port }: Config, address: ReturnType<Server['address']>): string {
  const actual = typeof address === 'object' && address !== null ? address.port : port
  return `http://${isIPv6(host) ? `[${host}]` : host}:${actual}/v1`
}

/** pino-pretty is a development dependency: the image, which has no terminal, goes without. */
async function createPrettyStream() {
  try {
    const { default: pretty } = await import('pino-pretty')
    return pretty({ colorize: true })
  } catch {
    return undefined
  }
}
