import { createFolder } from './folder.ts'
import { TEST_CREDENTIAL, TEST_TOKEN } from './gateway.ts'

/** Of a server in front of a provider whose account is there too, and of the command beside it. */
export const reconcileEnv = (provider: { readonly origin: string }) => ({
  UPSTREAM_URL: provider.origin,
  ACCOUNT_URL: provider.origin,
  UPSTREAM_API_KEY: TEST_CREDENTIAL,
  CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
  DATA_DIR: createFolder(),
  PORT: '0',
})
