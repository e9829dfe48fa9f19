import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

import { expect, it } from 'vitest'

const ROOT = new URL('../../', import.meta.url)

const inRepository = (path: string): string => fileURLToPath(new URL(path, ROOT))

const text = readFileSync(inRepository('docs/security.md'), 'utf8')

const named = [...text.matchAll(/`(test\/[\w./-]+\.test\.ts)`/g)].map(([, path = '']) => path)

it('names only tests that exist', () => {
  expect(named).not.toHaveLength(0)
  expect(named.filter((path) => !existsSync(inRepository(path)))).toEqual([])
})

it('names every attack that is tested', () => {
  const attacks = readdirSync(inRepository('test/security')).filter((name) =>
    name.endsWith('.test.ts'),
  )
  expect(attacks.filter((name) => !named.includes(`test/security/${name}`))).toEqual([])
})

it('links only to files that exist', () => {
  for (const document of ['docs/security.md', 'SECURITY.md']) {
    const links = [...readFileSync(inRepository(document), 'utf8').matchAll(/\]\(([^)#]+)\)/g)]
    const paths = links.map(([, path = '']) => new URL(path, new URL(document, ROOT)))
    expect(paths.filter((path) => !existsSync(path))).toEqual([])
  }
})

it('shows the last results', () => {
  for (const name of ['scan', 'fuzz', 'soak']) {
    expect(text).toMatch(new RegExp(`<!-- ${name} -->\n(?:\\|.*\\|\n)+<!-- /${name} -->`))
  }
})
