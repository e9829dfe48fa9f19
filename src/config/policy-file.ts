import { z } from 'zod'

const PATH_PREFIX = /^\/[A-Za-z0-9._~/-]*[A-Za-z0-9._~-]$/
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i
export const CLIENT_ID = /^[A-Za-z0-9._@-]{1,64}$/
const SHA256_HEX = /^(?:sha256:)?([0-9a-f]{64})$/i

const clientId = z
  .string({ error: 'give each client an id' })
  .regex(CLIENT_ID, { error: 'use 1 to 64 letters, digits or . _ @ -' })

const pathPrefix = z.string().regex(PATH_PREFIX, {
  error: 'give a path such as /v1/embeddings: it begins with a slash and does not end with one',
})

const limit = z.int().min(0).max(1_000_000)

/** One client in the YAML. Absent lists allow everything; absent limits are the instance's. */
export const clientSchema = z.strictObject({
  id: clientId,
  tokenHash: z
    .string({ error: 'give the SHA-256 of the token as 64 hex digits (npm run token makes both)' })
    .regex(SHA256_HEX, {
      error: 'give the SHA-256 of the token as 64 hex digits (npm run token makes both)',
    })
    .transform((text) => text.replace(/^sha256:/i, '').toLowerCase()),
  origins: z.array(z.string()).optional(),
  models: z.array(z.string().min(1)).optional(),
  paths: z.array(pathPrefix).optional(),
  rateLimitPerMinute: limit.optional(),
  concurrencyLimit: limit.optional(),
})

/** A further family of paths, forwarded like `/v1`. */
export const routeSchema = z.strictObject({
  prefix: z.union([pathPrefix, z.array(pathPrefix).min(1)]),
  upstream: z.string().optional(),
  /** The environment variable that holds the credential when the upstream is another origin. */
  credentialEnv: z
    .string()
    .regex(/^[A-Z][A-Z0-9_]*$/, { error: 'name an environment variable, such as SUNO_API_KEY' })
    .optional(),
  header: z
    .string()
    .regex(HEADER_NAME, { error: 'give the name of a request header' })
    .default('authorization'),
  template: z
    .string()
    .includes('{credential}', { error: 'put {credential} where the credential goes' })
    .default('Bearer {credential}'),
})

/** What only the YAML can say: clients, further families and the closed paths that are opened. */
export const policyShape = {
  clients: z.array(clientSchema).default([]),
  routes: z.record(z.string(), routeSchema).default({}),
  openPaths: z.array(pathPrefix).default([]),
}

export type ClientPolicy = z.output<typeof clientSchema>
export type RoutePolicy = z.output<typeof routeSchema>
