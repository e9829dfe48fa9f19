import { createClientToken, hashClientToken } from '../clients/client-token.ts'
import { readArguments } from './arguments.ts'

const USAGE = `npm run token

Makes a client token and its hash, and prints them; nothing keeps them.

  --help  prints this
`

readArguments({ usage: USAGE, options: {} })
const token = createClientToken()
process.stdout.write(
  `token:     ${token}\n` +
    `tokenHash: ${hashClientToken(token).toString('hex')}\n\n` +
    'Give the token to the client; put the hash under "clients" in config/keystow.yaml.\n',
)
