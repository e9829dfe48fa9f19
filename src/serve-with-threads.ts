import { describeGeneratedToken } from './generated-token.ts'
import { describeListenProblem } from './listen-problem.ts'
import { createLogger } from './logger.ts'
import { createMetrics } from './metrics.ts'
import { createEgressScanner } from './proxy/egress-scan.ts'
import type { Running, RunOptions } from './running.ts'
import { openOwnLedger } from './services.ts'
import { createUnexpectedErrors } from './unexpected-errors.ts'
import { type Crew, startCrew } from './workers/crew.ts'
import { findPort } from './workers/find-port.ts'

/**
 * Serves on several threads; this one keeps the ledger for them and looks after them. Throws a `LedgerFolderError`
 * when the ledger cannot be kept.
 */
export async function serveWithThreads(options: RunOptions): Promise<Running> {
  const { config, onStorm } = options
  const secrets = config.families.flatMap(({ credentials }) =>
    credentials.map(({ credential }) => credential),
  )
  const scanner = createEgressScanner(secrets)
  const logger = createLogger({ ...options, level: config.logLevel, scanner })
  const metrics = createMetrics()
  // The threads know; nothing here stands for "away".
  metrics.limitStoreReady.set(1)
  const ledger = openOwnLedger(config, { logger, metrics })
  let crew: Crew | undefined

  async function close(reason: string): Promise<void> {
    await crew?.stop(reason)
    await ledger.close()
  }

  return {
    reload: (reason) => crew?.reload(reason),
    async stop(reason) {
      await close(reason)
      logger.info('stopped')
    },
    async listen() {
      const { workers: threads, generatedToken } = config
      for (const notice of options.notices) logger.warn(notice)
      try {
        const port = await findPort(config)
        const onTrouble = createUnexpectedErrors({ logger, metrics, onStorm })
        const spareToken = generatedToken?.reveal()
        crew = startCrew({ threads, port, spareToken, ledger, logger, metrics, onTrouble, onStorm })
        await crew.started
        options.tell(describeGeneratedToken(config, port))
        return true
      } catch (error) {
        logger.fatal({ err: error }, describeListenProblem(error, config))
        await close('cannot listen')
        return false
      }
    },
  }
}
