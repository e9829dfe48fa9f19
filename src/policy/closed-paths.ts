import { FORWARDED_METHODS } from './methods.ts'
import { isPathWithin } from './path-prefix.ts'
import { plainPath } from './plain-path.ts'

/** Paths that answer for the whole account or for objects that all clients of one key would share. */
interface ClosedPath {
  /** Matched against the plain path: upstreams differ in what matters of any other spelling. */
  readonly path: RegExp
  /** Methods it closes; absent means all. */
  readonly methods?: readonly string[]
  /** What an operator writes into `openPaths` to open it. */
  readonly openedBy: string
}

/** Everything that begins so: `/v1/files` takes `/v1/files/a` and `/v1/files_of_tomorrow` with it. */
const beginning = (prefix: string): ClosedPath => ({
  path: new RegExp(`^${prefix}`),
  openedBy: prefix,
})

/** A path and everything below it. */
const tree = (prefix: string): ClosedPath => ({
  path: new RegExp(`^${prefix}(?:/|$)`),
  openedBy: prefix,
})

/** What Keystow answers itself below a closed path, exactly as it is routed: any other spelling is not its own. */
const OWN_ANSWERS: ReadonlySet<string> = new Set([
  'GET /v1/dashboard/billing/subscription',
  'GET /v1/dashboard/billing/usage',
  'HEAD /v1/dashboard/billing/subscription',
  'HEAD /v1/dashboard/billing/usage',
])

const READS_AND_DELETES = ['GET', 'HEAD', 'DELETE']

/** Midjourney behind a speed of the reseller's. */
const MIDJOURNEY = '^(?:/(?:mj-)?(?:fast|relax|turbo))?/mj'

const CLOSED_PATHS: readonly ClosedPath[] = [
  ...[
    // Stored objects.
    '/v1/files',
    '/v1/uploads',
    '/v1/batches',
    '/v1/fine_tuning',
    '/v1/fine_tunes',
    '/v1/fine-tunes',
    '/v1/vector_stores',
    '/v1/assistants',
    '/v1/threads',
    '/v1/conversations',
    '/v1/containers',
    '/v1/evals',
    '/v1/skills',
    '/v1/prompts',
    '/v1/agents',
    '/v1/vaults',
    '/v1/audio/voices',
    '/v1/audio/voice_consents',
    // The account.
    '/v1/organization',
    '/v1/projects',
    '/v1/dashboard',
    '/v1/webhook_endpoints',
    '/v1/safety',
    // Each of these hands out a credential of the upstream that no limit here would see again.
    '/v1/realtime/client_secrets',
    '/v1/realtime/sessions',
    '/v1/realtime/transcription_sessions',
    '/v1/realtime/translations',
    '/v1/chatkit',
  ].map(beginning),
  ...[
    // The account, under names that are short enough to begin others.
    '/v1/me',
    '/v1/usage',
    '/v1/user',
    '/v1/users',
    '/v1/account',
    '/v1/accounts',
    '/v1/admin',
    '/v1/billing',
    '/v1/balance',
    '/v1/credits',
    '/v1/credit_grants',
    '/v1/subscription',
    '/v1/key',
    '/v1/keys',
    '/v1/api_keys',
    '/v1/token',
    '/v1/tokens',
    '/v1/log',
    '/v1/logs',
    // Another that hands out credentials.
    '/v1/live',
    // With a reseller's key this is the account's call log, callers' addresses included.
    '/openai/sk',
  ].map(tree),
  { path: /^\/v1\/responses\/(?!(?:compact|input_tokens)$)/, openedBy: '/v1/responses' },
  { path: /^\/v1\/responses$/, methods: READS_AND_DELETES, openedBy: '/v1/responses' },
  { path: /^\/v1\/chat\/completions\//, openedBy: '/v1/chat/completions' },
  {
    path: /^\/v1\/chat\/completions$/,
    methods: READS_AND_DELETES,
    openedBy: '/v1/chat/completions',
  },
  { path: /^\/v1\/completions\//, openedBy: '/v1/completions' },
  // What is below it accepts, passes on or ends a call, whoever's it is.
  { path: /^\/v1\/realtime\/calls\//, openedBy: '/v1/realtime/calls' },
  { path: /^\/v1\/videos$/, methods: READS_AND_DELETES, openedBy: '/v1/videos' },
  { path: /^\/v1\/videos\/./, methods: ['DELETE'], openedBy: '/v1/videos' },
  { path: /^\/v1\/models\/./, methods: ['DELETE'], openedBy: '/v1/models' },
  { path: new RegExp(`${MIDJOURNEY}/task/(?:list|queue)$`), openedBy: '/mj/task' },
  { path: new RegExp(`${MIDJOURNEY}/account(?:/|$)`), openedBy: '/mj/account' },
]

/** By method, whether a path may be closed at all: one look for the many that are not. */
const SCREENS: ReadonlyMap<string, RegExp> = new Map(
  FORWARDED_METHODS.map((method) => {
    const paths = CLOSED_PATHS.filter(({ methods }) => methods?.includes(method) ?? true)
    // The beginning is said once, or each of them would be tried at every character.
    const rest = paths.map(({ path }) => path.source.replace(/^\^/, ''))
    return [method, new RegExp(`^(?:${rest.join('|')})`)]
  }),
)

/**
 * The `openPaths` entry that would open a closed path, or undefined when the path is open.
 * `openPaths` opens a prefix and everything below it.
 */
export function findClosedPath(
  method: string,
  path: string,
  openPaths: readonly string[],
): string | undefined {
  if (OWN_ANSWERS.has(`${method} ${path}`)) return undefined
  const plain = plainPath(path)
  if (SCREENS.get(method)?.test(plain) === false) return undefined
  const closed = CLOSED_PATHS.find(
    (entry) => (entry.methods?.includes(method) ?? true) && entry.path.test(plain),
  )
  if (closed === undefined) return undefined
  // The entry that the refusal names opens all that it stands for, which is more than what lies below it.
  const isOpened = openPaths
    .map((open) => open.toLowerCase())
    .some((open) => open === closed.openedBy || isPathWithin(plain, open))
  return isOpened ? undefined : closed.openedBy
}
