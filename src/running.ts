import type { Config } from './config/config.ts'
import type { Inputs } from './config/read-inputs.ts'
import type { SecretFiles } from './config/secret-sources.ts'
import type { LogOutput } from './log-output.ts'

type UncaughtExceptionListener = (error: Error, origin: string) => void

export interface RunOptions {
  readonly config: Config
  /** What the operator should know of it. */
  readonly notices: readonly string[]
  /** What the configuration was made from. */
  readonly inputs: Inputs
  readonly files: SecretFiles
  readonly readInputs: () => Inputs
  /** Where lines of the log go. */
  readonly destination: LogOutput
  /** Shows the operator what no log may keep. */
  readonly tell: (text: string) => void
  readonly onUncaughtException: (listener: UncaughtExceptionListener) => void
  /** There were too many unexpected errors to go on. */
  readonly onStorm: () => void
}

/** The server of one process, however many threads it has. */
export interface Running {
  /** False when it cannot: the log says why, and everything is closed. */
  listen(): Promise<boolean>
  reload(reason: string): void
  /** Lets what runs come to its end, for as long as the settings say, and closes everything. */
  stop(reason: string): Promise<void>
}
