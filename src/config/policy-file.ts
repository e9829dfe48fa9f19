import { money, quota } from './budget-settings.ts'
import { canHoldCredential, isForwardable } from '../proxy/outbound-headers.ts'
import { z } from './zod.ts'

const PATH_PREFIX = /^(?:\/[A-Za-z0-9._~-]+)+$/
const HEADER_NAME = /^[a-z0-9!#$%&'*+.^_`|~-]+$/i
export const CLIENT_ID = /^[A-Za-z0-9._@-]{1,64}$/
const SHA256_HEX = /^(?:sha256:)?([0-9a-f]{64})$/i
const CREDENTIAL_TEMPLATE = /^[\x20-\x7e]*$/

const MAX_LIMIT = 1_000_000

/** A text of at least one character; what is said of anything else is what should stand there. */
const text = (error: string) => z.string({ error }).min(1, { error })

const clientId = text('give each client an id of 1 to 64 letters, digits or . _ @ -').regex(
  CLIENT_ID,
  { error: 'use 1 to 64 letters, digits or . _ @ -' },
)

const EXPECTED_PATH =
  'give a path such as /v1/embeddings: it begins with a slash, does not end with one and holds no ..'

const pathPrefix = z
  .string({ error: EXPECTED_PATH })
  .regex(PATH_PREFIX, { error: EXPECTED_PATH })
  .refine((path) => !path.includes('..') && !path.split('/').includes('.'), {
    error: EXPECTED_PATH,
  })

const pathPrefixes = z.array(pathPrefix, { error: 'write a list of paths, such as [/v1/files]' })

const EXPECTED_LIMIT = `give a whole number from 0 (no limit) to ${MAX_LIMIT}`

const limit = z
  .int({ error: EXPECTED_LIMIT })
  .min(0, { error: EXPECTED_LIMIT })
  .max(MAX_LIMIT, { error: EXPECTED_LIMIT })

const EXPECTED_HASH = 'give the SHA-256 of the token as 64 hex digits (npm run token makes both)'

/** One client in the YAML. Absent lists allow everything; absent limits are the instance's. */
export const clientSchema = z.strictObject(
  {
    id: clientId,
    tokenHash: z
      .string({ error: wrongHash })
      .regex(SHA256_HEX, { error: EXPECTED_HASH })
      .transform((hash) => hash.replace(/^sha256:/i, '').toLowerCase()),
    origins: z
      .array(text('give an origin such as https://app.example.com'), {
        error: 'write a list of origins, such as [https://app.example.com]',
      })
      .optional(),
    models: z
      .array(text('give the name of a model, in quotes where it is a number'), {
        error: "write a list of models, such as [gpt-4o-mini, 'text-embedding-*']",
      })
      .optional(),
    paths: pathPrefixes.optional(),
    rateLimitPerMinute: limit.optional(),
    concurrencyLimit: limit.optional(),
    budgetPerDay: money.optional(),
    budgetPerMonth: money.optional(),
    quotaPerDay: quota.optional(),
    quotaPerMonth: quota.optional(),
  },
  { error: 'write the settings of a client: { id: my-app, tokenHash: … }' },
)

/** YAML takes 64 digits for a number, and a number of that size is another one. */
function wrongHash({ input }: { readonly input?: unknown }): string {
  return typeof input === 'number' ? `${EXPECTED_HASH}, in quotes` : EXPECTED_HASH
}

const EXPECTED_VARIABLE = 'name an environment variable, such as SUNO_API_KEY'

const variableName = z
  .string({ error: EXPECTED_VARIABLE })
  .regex(/^[A-Z][A-Z0-9_]*$/, { error: EXPECTED_VARIABLE })

const EXPECTED_WEIGHT = 'give a whole number from 1 to 1000'

const weight = z
  .int({ error: EXPECTED_WEIGHT })
  .min(1, { error: EXPECTED_WEIGHT })
  .max(1000, { error: EXPECTED_WEIGHT })

const EXPECTED_SOURCE =
  'name either the file or the environment variable (env) that holds the key, never the key itself'

/** Where credentials are, never what they are, and how often each is chosen beside the others. */
export const credentialSchema = z
  .strictObject(
    {
      file: text('name the file that holds the key').optional(),
      env: variableName.optional(),
      weight: weight.default(1),
    },
    { error: EXPECTED_SOURCE },
  )
  .refine(({ file, env }) => (file === undefined) !== (env === undefined), {
    error: EXPECTED_SOURCE,
  })

const EXPECTED_CREDENTIALS = 'write a list of at least one, such as [{ file: /run/secrets/key }]'

const credentialList = z
  .array(credentialSchema, { error: EXPECTED_CREDENTIALS })
  .min(1, { error: EXPECTED_CREDENTIALS })
  .optional()

const EXPECTED_FORWARDED = 'give names of request headers, such as openai-organization'

/** Request headers that are forwarded beside those that always are. */
const forwardHeaders = z
  .array(
    z
      .string({ error: EXPECTED_FORWARDED })
      .regex(HEADER_NAME, { error: EXPECTED_FORWARDED })
      .refine(isForwardable, {
        error:
          'names a header that never leaves this server: it carries a secret of the client, or belongs to its connection; take it out',
      }),
    { error: 'write a list of request headers, such as [openai-organization]' },
  )
  .default([])

const EXPECTED_PREFIX = 'give a path such as /suno, or a list of them'
const EXPECTED_HEADER = 'give the name of a request header, such as authorization'
const EXPECTED_TEMPLATE = 'put {credential} where the credential goes, as in Bearer {credential}'

/** A further family of paths, forwarded like `/v1`. */
export const routeSchema = z.strictObject(
  {
    prefix: z.union(
      [pathPrefix, z.array(pathPrefix, { error: EXPECTED_PREFIX }).min(1, EXPECTED_PREFIX)],
      { error: EXPECTED_PREFIX },
    ),
    upstream: text('give an origin such as https://api.example.com, without a path').optional(),
    /** The environment variable that holds the credential when the upstream is another origin. */
    credentialEnv: variableName.optional(),
    /** The same, for several credentials or those in files. */
    credentials: credentialList,
    header: z
      .string({ error: EXPECTED_HEADER })
      .regex(HEADER_NAME, { error: EXPECTED_HEADER })
      .refine(canHoldCredential, {
        error:
          'cannot hold a credential: it says where a message ends, what is in it or whom it is for; give the header that the upstream reads its key from',
      })
      .default('authorization'),
    template: z
      .string({ error: EXPECTED_TEMPLATE })
      .regex(CREDENTIAL_TEMPLATE, { error: 'use visible ASCII: it becomes a header' })
      .refine((template) => template.split('{credential}').length === 2, {
        error: EXPECTED_TEMPLATE,
      })
      .default('Bearer {credential}'),
    forwardHeaders,
  },
  { error: 'write the settings of a family: { prefix: /suno }' },
)

/** What only the YAML can say: clients, further families, a pool of credentials, what is opened of what is closed. */
export const policyShape = {
  credentials: credentialList,
  clients: z
    .array(clientSchema, { error: 'write a list of clients: [{ id: my-app, tokenHash: … }]' })
    .default([]),
  routes: z
    .record(z.string(), routeSchema, {
      error: 'write families by name: { suno: { prefix: /suno } }',
    })
    .default({}),
  openPaths: pathPrefixes.default([]),
  /** Of `/v1`. */
  forwardHeaders,
}

export type ClientPolicy = z.output<typeof clientSchema>
export type CredentialPolicy = z.output<typeof credentialSchema>
export type RoutePolicy = z.output<typeof routeSchema>
