interface Address {
  readonly host: string
  readonly port: number
}

const REASONS: Readonly<Record<string, string>> = {
  EADDRINUSE: 'the port is taken; stop what listens there, or set PORT to another',
  EACCES: 'this process may not listen there; set PORT to 1024 or more',
  EADDRNOTAVAIL: 'HOST is no address of this machine; set it to one, such as 127.0.0.1',
  ENOTFOUND: 'HOST has no address; set it to one, such as 127.0.0.1',
}

/** Says what keeps a server from listening, and what to do. */
export function describeListenProblem(error: unknown, { host, port }: Address): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const reason = error instanceof Error ? error.message : String(error)
  return `cannot listen on ${host}:${port}: ${REASONS[code] ?? reason}`
}
