/** Where a contender is to listen, and which upstream it is to reach. */
export interface Site {
  readonly port: number
  readonly upstreamPort: number
  /** The certificate of an upstream with TLS. */
  readonly caFile: string | undefined
  /** An empty folder of its own. */
  readonly folder: string
  /** The Node that runs those of JavaScript. */
  readonly node: string
}

export interface Launch {
  readonly command: readonly string[]
  readonly env?: Readonly<Record<string, string>>
}

/** A proxy that hides a key: it puts CREDENTIAL in the place of what the client sent, and holds no event back. */
export interface Contender {
  readonly id: ContenderId
  readonly label: string
  /** The program that must be installed, and the Debian package that brings it. */
  readonly program?: string
  /** Writes its configuration into the folder. */
  launch(site: Site): Launch
}

export type ContenderId =
  | 'direct'
  | 'nginx'
  | 'haproxy'
  | 'caddy'
  | 'node-alone'
  | 'http-proxy'
  | 'keystow'

/** Obviously no key. */
export const CREDENTIAL = 'hk-bench-0123456789abcdefghijklmnopqrstuvwxyz0123456789'

export const upstreamUrl = ({ upstreamPort, caFile }: Site): string =>
  `${caFile === undefined ? 'http' : 'https'}://127.0.0.1:${upstreamPort}`

/** Where a server of JavaScript listens and what it forwards to, and the certificate that its Node trusts. */
export const nodeEnv = (site: Site): Readonly<Record<string, string>> => ({
  PORT: String(site.port),
  UPSTREAM_URL: upstreamUrl(site),
  UPSTREAM_API_KEY: CREDENTIAL,
  ...(site.caFile !== undefined && { NODE_EXTRA_CA_CERTS: site.caFile }),
})
