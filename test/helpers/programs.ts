import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'

/** System programs some tests run for real, and the Debian package that brings each. */
export const PROGRAMS = {
  cc: 'gcc',
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

/** Where Debian's libokhttp-java puts it, and what it needs. */
export const OKHTTP_JARS = ['okhttp', 'okio'].map((name) => `/usr/share/java/${name}.jar`)

/** What the documents' examples need beside the program itself: each comes in a package of its own. */
const LIBRARIES: Partial<Record<Program, { name: string; isThere: (path: string) => boolean }>> = {
  javac: { name: 'okhttp (libokhttp-java)', isThere: () => OKHTTP_JARS.every(existsSync) },
  php: {
    name: 'curl (php-curl)',
    isThere: (path) =>
      spawnSync(path, ['-r', 'exit((int) !extension_loaded("curl"));']).status === 0,
  },
  python3: {
    name: 'requests (python3-requests)',
    isThere: (path) => spawnSync(path, ['-c', 'import requests']).status === 0,
  },
}

/** The program as it is named to people: with what it needs. */
export function describeProgram(name: Program): string {
  const library = LIBRARIES[name]
  return library === undefined ? name : `${name} with ${library.name}`
}

export const isProgram = (name: string): name is Program => name in PROGRAMS

/**
 * The program's path, or undefined when it, or what it needs, is not installed. Under `CI=true` a missing program is an
 * error: a skipped test must not look green there.
 */
export function findProgram(
  name: Program,
  directories: readonly string[] = searchedDirectories(),
): string | undefined {
  const found = directories
    .map((directory) => join(directory, name))
    .find((path) => existsSync(path) && (LIBRARIES[name]?.isThere(path) ?? true))
  if (found === undefined && process.env['CI'] === 'true') {
    throw new Error(
      `${describeProgram(name)} is not installed; under CI=true it must be (Debian: ${PROGRAMS[name]})`,
    )
  }
  return found
}

/** Debian's own first: python3-requests belongs to /usr/bin/python3, whatever else PATH offers. */
function searchedDirectories(): readonly string[] {
  return ['/usr/bin', '/usr/local/bin', ...(process.env['PATH'] ?? '').split(delimiter)]
}
