import { describeProgram, findProgram, isProgram, PROGRAMS } from './programs.ts'

/** Says before the first test which system programs are missing, and so which tests are left out. */
export default function reportMissingPrograms(): void {
  const programs = Object.keys(PROGRAMS).filter(isProgram)
  const missing = programs.filter((name) => findProgram(name) === undefined)
  for (const name of missing) {
    process.stdout.write(
      `left out: tests that need ${describeProgram(name)} (Debian: apt-get install ${PROGRAMS[name]})\n`,
    )
  }
}
