import { isLoopbackHost } from './origin.ts'
import type { Settings } from './settings.ts'

interface SafeStartInput {
  readonly settings: Settings
  /** Whether any client has a token, a generated one included. */
  readonly hasTokens: boolean
}

/** Reasons not to start: settings that are each valid but together leave the credential open to anybody. */
export function safeStartProblems({ settings, hasTokens }: SafeStartInput): string[] {
  const problems: string[] = []
  const { host, openAccess, allowedOrigins, rateLimitPerMinute, trustProxy } = settings
  const isPublic = !isLoopbackHost(host)
  if (!hasTokens && !openAccess) {
    problems.push(
      `CLIENT_TOKENS: is not set while HOST is ${host}; set CLIENT_TOKENS=name:token, or OPEN_ACCESS=true to let anybody in`,
    )
  }
  if (openAccess && isPublic && rateLimitPerMinute === 0) {
    problems.push(
      `OPEN_ACCESS: is true on HOST ${host} without a limit for each address; set RATE_LIMIT_PER_MINUTE`,
    )
  }
  // Behind a proxy a loopback address is as public as the proxy.
  if (openAccess && (isPublic || trustProxy.length > 0) && allowedOrigins.includes('*')) {
    problems.push(
      'ALLOWED_ORIGINS: is * together with OPEN_ACCESS where others can reach this server, so any page in the world could spend the key; name the exact origins',
    )
  }
  return problems
}
