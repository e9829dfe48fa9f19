import { createClientToken, hashClientToken } from '../clients/client-token.ts'

const token = createClientToken()
process.stdout.write(
  `token:     ${token}\n` +
    `tokenHash: ${hashClientToken(token).toString('hex')}\n\n` +
    'Give the token to the client; put the hash under "clients" in config/keystow.yaml.\n',
)
