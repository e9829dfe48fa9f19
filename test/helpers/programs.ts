import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** System programs some tests run for real, and the Debian package that brings each. */
export const PROGRAMS = {
  chromium: 'chromium',
  curl: 'curl',
  go: 'golang-go',
  java: 'openjdk-17-jdk-headless',
  javac: 'openjdk-17-jdk-headless',
  php: 'php-cli',
  prlimit: 'util-linux',
  python3: 'python3-requests',
  openssl: 'openssl',
  'redis-server': 'redis-server',
  script: 'bsdutils',
} as const

export type Program = keyof typeof PROGRAMS

export const isProgram = (name: string): name is Program => name in PROGRAMS

/**
 * The program's path, or undefined when it is not installed. Under `CI=true` a missing program is an
 * error: a skipped test must not look green there.
 */
export function findProgram(name: Program): string | undefined {
  // Debian's own directories first: python3-requests belongs to /usr/bin/python3, whatever else PATH offers.
  const directories = [
    '/usr/bin',
    '/usr/local/bin',
    ...(process.env['PATH'] ?? '').split(delimiter),
  ]
  const found = directories
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path))
  if (found === undefined && process.env['CI'] === 'true') {
    throw new Error(
      `${name} is not installed; under CI=true it must be (Debian: ${PROGRAMS[name]})`,
    )
  }
  return found
}
