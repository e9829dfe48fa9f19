/** Where log lines go in a terminal. pino-pretty is a development dependency: the image, which has no terminal, goes without. */
export async function createPrettyStream() {
  try {
    const { default: pretty } = await import('pino-pretty')
    return pretty({ colorize: true })
  } catch {
    return undefined
  }
}
