import { isPathWithin } from './path-prefix.ts'

/** Paths that answer for the whole account or for objects that all clients of one key would share. */
interface ClosedPath {
  /** Matched against the lower-case path; upstreams differ in whether case matters. */
  readonly path: RegExp
  /** Methods it closes; absent means all. */
  readonly methods?: readonly string[]
  /** What an operator writes into `openPaths` to open it. */
  readonly openedBy: string
}

/** A path and everything below it. */
const tree = (prefix: string): ClosedPath => ({
  path: new RegExp(`^${prefix}(?:[/;]|$)`),
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

const CLOSED_PATHS: readonly ClosedPath[] = [
  { path: /^\/v1\/organizations?/, openedBy: '/v1/organization' },
  ...[
    '/v1/files',
    '/v1/uploads',
    '/v1/batches',
    '/v1/fine_tuning',
    '/v1/fine-tunes',
    '/v1/vector_stores',
    '/v1/assistants',
    '/v1/threads',
    '/v1/conversations',
    '/v1/containers',
    '/v1/evals',
    '/v1/dashboard',
    // Each of these hands out a credential of the upstream that no limit here would see again.
    '/v1/realtime/client_secrets',
    '/v1/realtime/sessions',
    '/v1/realtime/transcription_sessions',
    '/v1/realtime/translations',
    '/v1/live/sessions',
    '/v1/chatkit',
    // With a reseller's key this is the account's call log, callers' addresses included.
    '/openai/sk',
  ].map(tree),
  { path: /^\/v1\/responses\/(?!compact$|input_tokens$)/, openedBy: '/v1/responses' },
  { path: /^\/v1\/responses$/, methods: READS_AND_DELETES, openedBy: '/v1/responses' },
  { path: /^\/v1\/chat\/completions\//, openedBy: '/v1/chat/completions' },
  {
    path: /^\/v1\/chat\/completions$/,
    methods: READS_AND_DELETES,
    openedBy: '/v1/chat/completions',
  },
  { path: /^\/v1\/completions\//, openedBy: '/v1/completions' },
  { path: /^\/v1\/videos$/, methods: ['GET', 'HEAD'], openedBy: '/v1/videos' },
  { path: /^\/v1\/models\/./, methods: ['DELETE'], openedBy: '/v1/models' },
]

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
  const folded = path.toLowerCase()
  const closed = CLOSED_PATHS.find(
    (entry) => (entry.methods?.includes(method) ?? true) && entry.path.test(folded),
  )
  if (closed === undefined) return undefined
  // The entry that the refusal names opens all that it stands for, which is more than what lies below it.
  const isOpened = openPaths
    .map((open) => open.toLowerCase())
    .some((open) => open === closed.openedBy || isPathWithin(folded, open))
  return isOpened ? undefined : closed.openedBy
}
