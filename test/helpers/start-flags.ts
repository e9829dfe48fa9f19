import packageJson from '../../package.json' with { type: 'json' }

/** The flags for Node in a command. */
export const flagsOf = (command: string): string[] =>
  command.match(/--[a-z][a-z\d-]*(?:=\d+)?/g) ?? []

/** Those that `npm start` gives: what is tested is what people start. */
export const START_FLAGS: readonly string[] = flagsOf(packageJson.scripts.start)
