import { keepCompiled } from './compile-cache.ts'

keepCompiled(process.env)
await import('./cli/serve.ts')
