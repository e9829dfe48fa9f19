import dns from 'node:dns/promises'
import { syncBuiltinESMExports } from 'node:module'

/** Loaded before a server, gives `localhost` one more address: on many machines it has only one. */
const { lookup } = dns
Reflect.set(dns, 'lookup', async (name: string) => [
  ...(await lookup(name, { all: true })),
  { address: '127.0.0.2', family: 4 },
])
syncBuiltinESMExports()
