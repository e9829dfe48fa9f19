import { readFileSync, writeFileSync } from 'node:fs'

import { runSmoke } from './smoke.ts'

const USAGE = `npm run bench -- smoke [--write]

  smoke    time to first event and processor time per event, beside direct (about half a minute)
  --write  put the table into the READMEs too
`

const READMES = ['README.md', 'README.zh-CN.md']
const SECTION = /(<!-- bench:smoke -->\n)[^]*?(<!-- \/bench:smoke -->)/

const [scenario, ...options] = process.argv.slice(2)
if (scenario !== 'smoke' || options.some((option) => option !== '--write')) {
  process.stderr.write(USAGE)
  process.exit(64)
}

const table = await runSmoke()
process.stdout.write(`${table}\n`)
if (options.includes('--write')) {
  for (const name of READMES) {
    const url = new URL(`../${name}`, import.meta.url)
    const text = readFileSync(url, 'utf8')
    writeFileSync(
      url,
      text.replace(SECTION, (_, open: string, close: string) => `${open}${table}\n${close}`),
    )
  }
}
process.exit(0)
