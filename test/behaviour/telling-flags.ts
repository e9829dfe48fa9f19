import { cachedDataVersionTag } from 'node:v8'

// A server that says, when it is asked to, which flags V8 has: the number is another one with each set of them.
process.on('SIGUSR2', () => process.stdout.write(`flags: ${cachedDataVersionTag()}\n`))
await import('../../src/server.ts')
