import { findProgram, PROGRAMS, type Program } from './programs.ts'

/** Says before the first test which system programs are missing, and so which tests are left out. */
export default function reportMissingPrograms(): void {
  const missing = (Object.keys(PROGRAMS) as Program[]).filter(
    (name) => findProgram(name) === undefined,
  )
  for (const name of missing) {
    process.stdout.write(
      `left out: tests that need ${name} (Debian: apt-get install ${PROGRAMS[name]})\n`,
    )
  }
}
