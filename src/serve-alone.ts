import { describeGeneratedToken } from './generated-token.ts'
import { describeListenProblem } from './listen-problem.ts'
import type { Running, RunOptions } from './running.ts'
import { prepareServing } from './serve.ts'
import { createServices } from './services.ts'
import { createUnexpectedErrors } from './unexpected-errors.ts'

/** Serves on the main thread. Throws a `LedgerFolderError` when the ledger cannot be kept. */
export async function serveAlone(options: RunOptions): Promise<Running> {
  const { config, tell } = options
  const services = createServices(config, options)
  const { logger } = services
  const serving = await prepareServing({
    ...options,
    services,
    onGeneratedToken: (next) => tell(describeGeneratedToken(next, portOf())),
  })

  /** With port 0 the system chooses one. */
  function portOf(): number {
    const address = serving.app.server.address()
    return typeof address === 'object' && address !== null ? address.port : config.port
  }

  return {
    reload: (reason) => serving.reload(reason),
    async stop(reason) {
      await serving.drain(reason)
      logger.info('stopped')
    },
    async listen() {
      for (const notice of options.notices) logger.warn(notice)
      try {
        await serving.app.listen({ host: config.host, port: config.port })
      } catch (error) {
        logger.fatal({ err: error }, describeListenProblem(error, config))
        await serving.close()
        return false
      }
      options.onUncaughtException(createUnexpectedErrors({ ...services, ...options }))
      tell(describeGeneratedToken(config, portOf()))
      return true
    },
  }
}
