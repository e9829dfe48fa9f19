import { hash } from 'node:crypto'

import type { Logger } from 'pino'

import type { Config } from './config/config.ts'
import { hasBudgets } from './config/budgets.ts'
import { parseConfig } from './config/load.ts'
import type { Inputs } from './config/read-inputs.ts'
import type { SecretFiles } from './config/secret-sources.ts'
import { watchFiles } from './file-watch.ts'
import type { LivePolicy } from './policy/policy.ts'
import type { ServingLedger } from './workers/ledger-calls.ts'

interface ReloadOptions {
  readonly readInputs: () => Inputs
  /** What the running configuration was made from. */
  readonly inputs: Inputs
  readonly files: SecretFiles
  readonly policy: LivePolicy
  readonly ledger: Pick<ServingLedger, 'stats'>
  readonly logger: Logger
  /** A client token was made, because the last client was taken out. */
  readonly onGeneratedToken: (config: Config) => void
  /** How often the files are looked at. */
  readonly intervalMs?: number
}

/** Replaces the policy of a running process. */
export interface Reloading {
  /** Reads everything anew, and puts it in place as a whole or not at all; the log says which. */
  reload(reason: string): void
  stop(): void
}

/** Takes up changed settings and keys when it is asked to, and by itself when a file changes that they come from. */
export function startReloading(options: ReloadOptions): Reloading {
  const reloader = createReloader(options)
  const watch = watchFiles({
    ...options,
    paths: () => reloader.paths(),
    onChange: (paths) => reloader.reload(`changed: ${paths.join(', ')}`, { isAsked: false }),
  })
  return {
    reload: (reason) => reloader.reload(reason, { isAsked: true }),
    stop: () => watch.stop(),
  }
}

interface Reloader {
  /** Never throws. Says nothing of what is as it was, unless somebody asked. */
  reload(reason: string, options: { readonly isAsked: boolean }): void
  /** The files that the running configuration was made from. */
  paths(): readonly string[]
}

function createReloader(options: ReloadOptions): Reloader {
  const { policy, logger, files } = options
  let good = options.inputs
  let goodDigest = digestOf(good, policy.current().config)

  /** Puts it in place, or returns why not. */
  function apply(inputs: Inputs, reason: string, isAsked: boolean): readonly string[] {
    const running = policy.current().config
    const gone = missingFileProblem(inputs, good)
    if (gone !== undefined) return [gone]
    const result = parseConfig(inputs.env, inputs.file, { files, running })
    if (result.config === undefined) return [...result.problems, ...result.notices]
    const { config, notices, needsRestart } = result
    const digest = digestOf(inputs, config, needsRestart)
    const isChanged = digest !== goodDigest
    const bad = budgetProblem(config, running, options.ledger)
    if (isChanged && bad !== undefined) return [bad]
    const problems = isChanged ? policy.replace(config) : []
    if (problems.length > 0) return problems

    good = inputs
    goodDigest = digest
    logger.level = config.logLevel
    for (const notice of notices) logger.warn({ reason }, notice)
    if (!isChanged && !isAsked) return []
    if (needsRestart.length > 0)
      logger.warn({ reason }, `needs a restart: ${needsRestart.join(', ')}`)
    logger.info(
      { reason, ...summarise(policy) },
      isChanged ? 'reloaded' : 'reloaded: nothing changed',
    )
    const { generatedToken } = config
    if (generatedToken !== undefined && generatedToken !== running.generatedToken) {
      options.onGeneratedToken(config)
    }
    return []
  }

  function reload(reason: string, isAsked: boolean): void {
    const inputs = options.readInputs()
    const problems = apply(inputs, reason, isAsked)
    if (problems.length === 0) return
    logger.error({ reason, problems }, 'not reloaded: the settings stay as they are')
    // A key that was replaced is taken up all the same.
    const rest = apply(good, reason, false)
    if (rest.length > 0) logger.error({ reason, problems: rest }, 'not reloaded')
  }

  return {
    paths: () => [...good.paths, ...policy.current().config.secretFiles],
    reload(reason, { isAsked }) {
      try {
        reload(reason, isAsked)
      } catch (error) {
        logger.error({ reason, err: error }, 'not reloaded')
      }
    },
  }
}

/** Editors and deployments may take a file away for a moment; taking all of its settings back is no answer to that. */
function missingFileProblem(inputs: Inputs, before: Inputs): string | undefined {
  if (inputs.problem !== undefined) return inputs.problem
  if (inputs.file !== undefined || before.file === undefined) return undefined
  return `${before.file.name}: the file is gone; put it back, or restart without it`
}

/** At the start the process would not have begun: a ledger in memory is a budget that begins anew with every restart. */
function budgetProblem(
  next: Config,
  running: Config,
  ledger: ReloadOptions['ledger'],
): string | undefined {
  if (!hasBudgets(next) || hasBudgets(running) || ledger.stats().isDurable) return undefined
  return 'DATA_DIR: cannot be written, and budgets rest on it; make it writable and restart'
}

/** Tells whether anything differs that a configuration is made from, its secrets included. */
function digestOf(
  { env, file }: Inputs,
  { families }: Config,
  needsRestart: readonly string[] = [],
): string {
  const credentials = families.flatMap((family) =>
    family.credentials.map(({ credential }) => credential.reveal()),
  )
  return hash('sha256', JSON.stringify([env, file, credentials, needsRestart]))
}

function summarise(policy: LivePolicy) {
  const { config, families } = policy.current()
  const members = families.flatMap(({ pool }) => pool.members)
  return {
    clients: config.clients.length,
    families: families.map(({ name }) => name),
    keys: [...new Set(members.map(({ credential }) => credential.fingerprint))],
  }
}
