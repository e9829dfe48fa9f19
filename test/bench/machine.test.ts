import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

import { describe, expect, it } from 'vitest'

import { CONTENDERS } from '../../bench/contenders/contenders.ts'
import { FLAGS } from '../../bench/contenders/keystow.ts'
import { nginx } from '../../bench/contenders/nginx.ts'
import { readCommit } from '../../bench/rig/commit.ts'
import { describeRun } from '../../bench/rig/machine.ts'
import { createFolder } from '../helpers/folder.ts'

const hasGit = spawnSync('git', ['--version']).status === 0

describe.skipIf(!hasGit)('readCommit', () => {
  function git(folder: string, ...words: string[]): string {
    const who = ['-c', 'user.name=Somebody', '-c', 'user.email=somebody@example.com']
    const { stdout } = spawnSync('git', [...who, ...words], { cwd: folder, encoding: 'utf8' })
    return stdout.trim()
  }

  function createRepository(): string {
    const folder = createFolder()
    git(folder, 'init', '-q')
    writeFileSync(join(folder, 'file'), 'as committed')
    git(folder, 'add', 'file')
    git(folder, 'commit', '-qm', 'one')
    return folder
  }

  it('names the commit, and says when the tree has changed', () => {
    const folder = createRepository()
    const hash = git(folder, 'rev-parse', '--short', 'HEAD')
    expect(hash).toMatch(/^[0-9a-f]{7,}$/)
    expect(readCommit(pathToFileURL(folder))).toBe(hash)
    writeFileSync(join(folder, 'file'), 'changed')
    expect(readCommit(pathToFileURL(folder))).toBe(`${hash}, changed`)
  })

  it('counts a file that git does not know', () => {
    const folder = createRepository()
    writeFileSync(join(folder, 'other'), '')
    expect(readCommit(pathToFileURL(folder))).toMatch(/, changed$/)
  })

  it('names none where there is no repository, and none that is another’s', () => {
    expect(readCommit(pathToFileURL(createFolder()))).toBeUndefined()
    const inside = join(createRepository(), 'inside')
    mkdirSync(inside)
    expect(readCommit(pathToFileURL(inside))).toBeUndefined()
  })
})

describe('describeRun', () => {
  const FACTS = {
    node: process.execPath,
    commit: 'abc1234, changed',
    contenders: CONTENDERS,
    rounds: 5,
    startedAt: 0,
    busyBefore: 0,
    failures: ['nginx, start: did not serve'],
  }

  it('says which commit was measured, if it is known, and with which flags', () => {
    const flags = `Keystow’s Node was started with \`${FLAGS.join(' ')}\``
    expect(describeRun(FACTS)).toEqual(expect.arrayContaining(['commit abc1234, changed', flags]))
    const unknown = describeRun({ ...FACTS, commit: undefined })
    expect(unknown.filter((line) => line.startsWith('commit'))).toEqual([])
  })

  it('names who failed and who was not measured', () => {
    const lines = describeRun({ ...FACTS, contenders: CONTENDERS.filter((one) => one !== nginx) })
    expect(lines).toContain('nginx, start: did not serve')
    expect(lines.filter((line) => line.includes('left out'))).toEqual([
      expect.stringMatching(/^nginx: left out, (by --only|not installed)$/),
    ])
  })
})
