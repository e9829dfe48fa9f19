import { readFileSync, writeFileSync } from 'node:fs'

import { runLedger } from './ledger.ts'
import { runSmoke } from './smoke.ts'

const USAGE = `npm run bench -- smoke|ledger [--write]

  smoke    time to first event and processor time per event, beside direct (about half a minute)
  ledger   what the embedded ledger costs the event loop at 5,000 entries a second (half a minute)
  --write  put the table into the READMEs too
`

const SCENARIOS = new Map([
  ['smoke', runSmoke],
  ['ledger', runLedger],
])

const READMES = ['README.md', 'README.zh-CN.md']

const [name = '', ...options] = process.argv.slice(2)
const run = SCENARIOS.get(name)
if (run === undefined || options.some((option) => option !== '--write')) {
  process.stderr.write(USAGE)
  process.exit(64)
}

const table = await run()
process.stdout.write(`${table}\n`)
if (options.includes('--write')) {
  const section = new RegExp(`(<!-- bench:${name} -->\\n)[^]*?(<!-- /bench:${name} -->)`)
  for (const readme of READMES) {
    const url = new URL(`../${readme}`, import.meta.url)
    const text = readFileSync(url, 'utf8')
    writeFileSync(
      url,
      text.replace(section, (_, open: string, close: string) => `${open}${table}\n${close}`),
    )
  }
}
process.exit(0)
