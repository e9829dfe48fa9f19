import { z } from 'zod'

import { isForwardable } from '../proxy/outbound-headers.ts'

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

const variableName = z
  .string()
  .regex(/^[A-Z][A-Z0-9_]*$/, { error: 'name an environment variable, such as SUNO_API_KEY' })

const weight = z
  .int({ error: 'give a whole number from 1 to 1000' })
  .min(1, { error: 'give a whole number from 1 to 1000' })
  .max(1000, { error: 'give a whole number from 1 to 1000' })

/** Where credentials are, never what they are, and how often each is chosen beside the others. */
export const credentialSchema = z
  .strictObject({
    file: z.string().min(1).optional(),
    env: variableName.optional(),
    weight: weight.default(1),
  })
  .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
    error: 'name either the file or the environment variable (env) that holds the key',
  })

const credentialList = z.array(credentialSchema).min(1).optional()

/** Request headers that are forwarded beside those that always are. */
const forwardHeaders = z
  .array(
    z
      .string()
      .regex(HEADER_NAME, { error: 'give names of request headers, such as openai-organization' })
      .refine(isForwardable, {
        error:
          'names a header that never leaves this server: it carries a secret of the client, or belongs to its connection; take it out',
      }),
  )
  .default([])

/** A further family of paths, forwarded like `/v1`. */
export const routeSchema = z.strictObject({
  prefix: z.union([pathPrefix, z.array(pathPrefix).min(1)]),
  upstream: z.string().optional(),
  /** The environment variable that holds the credential when the upstream is another origin. */
  credentialEnv: variableName.optional(),
  /** The same, for several credentials or those in files. */
  credentials: credentialList,
  header: z
    .string()
    .regex(HEADER_NAME, { error: 'give the name of a request header' })
    .default('authorization'),
  template: z
    .string()
    .includes('{credential}', { error: 'put {credential} where the credential goes' })
    .default('Bearer {credential}'),
  forwardHeaders,
})

/** What only the YAML can say: clients, further families, a pool of credentials, what is opened of what is closed. */
export const policyShape = {
  credentials: credentialList,
  clients: z.array(clientSchema).default([]),
  routes: z.record(z.string(), routeSchema).default({}),
  openPaths: z.array(pathPrefix).default([]),
  /** Of `/v1`. */
  forwardHeaders,
}

export type ClientPolicy = z.output<typeof clientSchema>
export type CredentialPolicy = z.output<typeof credentialSchema>
export type RoutePolicy = z.output<typeof routeSchema>
