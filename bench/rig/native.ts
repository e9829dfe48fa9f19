import { execFileSync, spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const SOURCES = fileURLToPath(new URL('../native', import.meta.url))
const COMPILERS = ['cc', 'gcc', 'clang']
const OPTIONS = ['-O2', '-std=gnu11']
const TLS_OPTIONS = ['-DWITH_TLS', '-lssl', '-lcrypto']

/** The benchmark's own upstream and load, made for this run. */
export interface NativePrograms {
  readonly upstream: string
  readonly load: string
  /** What the upstream shows with TLS; absent where OpenSSL's headers or program are. */
  readonly certificate?: { readonly cert: string; readonly key: string }
}

/** What is missing on this machine, and how to get it. */
export class MissingProgramError extends Error {}

/** Compiles both into the folder. */
export function buildNative(folder: string): NativePrograms {
  const compiler = COMPILERS.find((name) => spawnSync(name, ['--version']).status === 0)
  if (compiler === undefined) {
    throw new MissingProgramError(
      'the upstream and the load are C programs, and there is no C compiler ' +
        `(${COMPILERS.join(', ')}) to make them with; Debian: apt-get install gcc libc6-dev`,
    )
  }
  const compile = (name: string, options: readonly string[] = []): string | undefined => {
    const program = join(folder, name)
    const source = join(SOURCES, `${name}.c`)
    const { status } = spawnSync(compiler, [...OPTIONS, '-o', program, source, ...options])
    return status === 0 ? program : undefined
  }
  const load = compile('load')
  const withTls = compile('upstream', TLS_OPTIONS)
  const upstream = withTls ?? compile('upstream')
  if (load === undefined || upstream === undefined) {
    throw new MissingProgramError(
      `${compiler} does not compile bench/native; it needs Linux and its C library's headers (libc6-dev)`,
    )
  }
  const certificate = withTls === undefined ? undefined : createCertificate(folder)
  return { upstream, load, ...(certificate !== undefined && { certificate }) }
}

function createCertificate(folder: string): NativePrograms['certificate'] {
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']
  const names = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1']
  try {
    execFileSync(
      'openssl',
      ['req', '-x509', ...curve, ...names, '-days', '2', '-keyout', key, '-out', cert],
      { stdio: 'ignore' },
    )
  } catch {
    return undefined
  }
  return { cert, key }
}
