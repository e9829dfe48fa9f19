import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { config as loadDotenv } from 'dotenv'

import { buildApp } from './app.ts'
import type { Config } from './config/config.ts'
import { parseConfig } from './config/load.ts'
import type { YamlFile } from './config/yaml-file.ts'
import { createServices } from './services.ts'
import { createUnexpectedErrors } from './unexpected-errors.ts'

/** EX_CONFIG of sysexits.h. */
const EXIT_CONFIG = 78

const DEFAULT_CONFIG_FILE = fileURLToPath(new URL('../config/keystow.yaml', import.meta.url))

loadDotenv({ quiet: true })
const config = readConfig()
if (process.argv.includes('--check')) {
  process.stdout.write('The configuration is valid.\n')
} else {
  await serve(config)
}

function readConfig(): Config {
  const named = process.env['KEYSTOW_CONFIG'] ?? ''
  const file = readYaml(named === '' ? DEFAULT_CONFIG_FILE : named)
  if (named !== '' && file === undefined) {
    failConfig(['KEYSTOW_CONFIG: the file does not exist; name the YAML file with the settings'])
  }
  const { config: parsed, problems } = parseConfig(process.env, file)
  return parsed ?? failConfig(problems)
}

/** Undefined when there is no such file. One that may not be read holds clients and limits: never go on without it. */
function readYaml(name: string): YamlFile | undefined {
  try {
    return { name, text: readFileSync(name, 'utf8') }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined
    if (code === 'ENOENT') return undefined
    return failConfig([
      `${name}: cannot be read (${String(code)}); let the user of this process read it`,
    ])
  }
}

function failConfig(problems: readonly string[]): never {
  process.stderr.write(`Keystow does not start:\n${problems.map((line) => `  ${line}\n`).join('')}`)
  process.exit(EXIT_CONFIG)
}

async function serve(settings: Config): Promise<void> {
  const services = createServices(
    settings,
    process.stdout.isTTY ? await createPrettyStream() : undefined,
  )
  const { logger, drain } = services
  const app = await buildApp(settings, services)

  async function close(): Promise<void> {
    await app.close()
    await services.close()
  }

  let isStopping = false
  function stop(reason: string, exitCode: number): void {
    isStopping = true
    logger.info({ reason }, 'draining')
    void drain
      .start(settings.drainTimeoutMs)
      .then(close)
      .then(() => {
        logger.info('stopped')
        process.exit(exitCode)
      })
  }

  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.on(signal, () => {
      // The operator has waited long enough.
      if (isStopping) process.exit(1)
      stop(signal, 0)
    })
  }

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
  printGeneratedToken(settings)
}

/** Printed to standard error, once: a log line would keep it. */
function printGeneratedToken({ generatedToken, host, port }: Config): void {
  if (generatedToken === undefined) return
  process.stderr.write(
    `\nNo clients are configured, so this run has a client token of its own:\n\n` +
      `  ${generatedToken.reveal()}\n\n` +
      `Use it as the API key with http://${host}:${port}/v1 as the base URL. Set CLIENT_TOKENS to keep one.\n\n`,
  )
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
