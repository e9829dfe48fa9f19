import type { FastifyInstance } from 'fastify'

import { buildApp } from './app.ts'
import type { Config } from './config/config.ts'
import type { Inputs } from './config/read-inputs.ts'
import type { SecretFiles } from './config/secret-sources.ts'
import { type Reloading, startReloading } from './reload.ts'
import type { Services } from './services.ts'

interface ServeOptions {
  readonly config: Config
  readonly services: Services
  readonly readInputs: () => Inputs
  /** What the configuration was made from. */
  readonly inputs: Inputs
  readonly files: SecretFiles
  readonly onGeneratedToken: (config: Config) => void
}

/** The application with everything around it that a process, or a thread of one, needs to run it. */
export interface Serving {
  readonly app: FastifyInstance
  readonly reload: Reloading['reload']
  /** Lets what runs come to its end, for as long as the settings say, and closes everything. */
  readonly drain: (reason: string) => Promise<void>
  readonly close: () => Promise<void>
}

/** Makes it ready to listen. */
export async function prepareServing(options: ServeOptions): Promise<Serving> {
  const { config, services } = options
  const { logger, drain, policy } = services
  const app = await buildApp(config, services)
  const reloading = startReloading({ ...options, ...services })

  async function close(): Promise<void> {
    reloading.stop()
    await app.close()
    await services.close()
  }

  return {
    app,
    close,
    reload: (reason) => reloading.reload(reason),
    async drain(reason) {
      logger.info({ reason }, 'draining')
      await drain.start(policy.current().config.drainTimeoutMs)
      await close()
    },
  }
}
