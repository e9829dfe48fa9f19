import { mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

import { describe, expect, it, onTestFinished } from 'vitest'

import { watchFiles } from '../src/file-watch.ts'
import { createFolder } from './helpers/folder.ts'

const INTERVAL_MS = 20

/** Watches these files until the test ends; the first look tells all of them. */
async function watch(...paths: readonly string[]) {
  const told: (readonly string[])[] = []
  const watching = watchFiles({
    paths: () => paths,
    onChange: (changed) => told.push(changed),
    intervalMs: INTERVAL_MS,
  })
  onTestFinished(() => watching.stop())
  await expect.poll(() => told).toHaveLength(1)
  expect(told[0]).toEqual(paths)
  return { told, stop: () => watching.stop() }
}

const fewLooks = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 8 * INTERVAL_MS))

function createFile(text = 'a'): string {
  const path = join(createFolder(), 'file')
  writeFileSync(path, text)
  return path
}

describe('a watched file', () => {
  it.each<[string, (path: string) => void]>([
    ['is written', (path) => writeFileSync(path, 'b')],
    [
      'is renamed into place',
      (path) => {
        writeFileSync(`${path}.new`, 'b')
        renameSync(`${path}.new`, path)
      },
    ],
    ['is gone', (path) => rmSync(path)],
  ])('is told of once when it %s', async (_how, change) => {
    const [first, second] = [createFile(), createFile()]
    const { told } = await watch(first, second)
    change(first)
    await expect.poll(() => told).toHaveLength(2)
    expect(told[1]).toEqual([first])
    await fewLooks()
    expect(told).toHaveLength(2)
  })

  it('is told of when the link to it is swapped, as Kubernetes and Docker do', async () => {
    const folder = createFolder()
    for (const name of ['old', 'new']) {
      mkdirSync(join(folder, name))
      writeFileSync(join(folder, name, 'key'), name)
    }
    symlinkSync('old', join(folder, '..data'))
    symlinkSync('..data/key', join(folder, 'key'))
    const { told } = await watch(join(folder, 'key'))
    symlinkSync('new', join(folder, '..tmp'))
    renameSync(join(folder, '..tmp'), join(folder, '..data'))
    await expect.poll(() => told).toHaveLength(2)
  })

  it('is told of when it comes to be', async () => {
    const path = join(createFolder(), 'later')
    const { told } = await watch(path)
    writeFileSync(path, 'a')
    await expect.poll(() => told).toHaveLength(2)
  })

  it('is not told of while it is being written', async () => {
    const path = createFile()
    const { told } = await watch(path)
    let text = 'b'
    const writing = setInterval(() => writeFileSync(path, (text += 'b')), INTERVAL_MS / 4)
    await fewLooks()
    expect(told).toHaveLength(1)
    clearInterval(writing)
    await expect.poll(() => told).toHaveLength(2)
  })

  it('is left alone when it is left alone, and when the watch has ended', async () => {
    const path = createFile()
    const { told, stop } = await watch(path)
    await fewLooks()
    expect(told).toHaveLength(1)
    stop()
    writeFileSync(path, 'b')
    await fewLooks()
    expect(told).toHaveLength(1)
  })
})
