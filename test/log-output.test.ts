import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { describe, expect, it, onTestFinished, vi } from 'vitest'

import { createLogOutput } from '../src/log-output.ts'
import { createFolder } from './helpers/folder.ts'
import { smallDisks } from './helpers/full-disk.ts'
import { TEST_CREDENTIAL } from './helpers/gateway.ts'
import { START_FLAGS } from './helpers/start-flags.ts'

const SERVER = fileURLToPath(new URL('../src/server.ts', import.meta.url))
const LISTENING = /listening at (http:[^"]+)"/
const SOON = { interval: 5, timeout: 10_000 }

/** Longer than what waits and what a pipe holds together. */
const MORE_THAN_WAITS = 6 * 1024 * 1024

function start(fd: number) {
  const onExit: (() => void)[] = []
  const output = createLogOutput({ fd, onExit: (listener) => onExit.push(listener) })
  const onLost = vi.fn<(count: number) => void>()
  output.onLost = onLost
  return { output, onLost, exit: () => onExit.forEach((listener) => listener()) }
}

function open(path: string, flags: number): number {
  const fd = openSync(path, flags)
  onTestFinished(() => closeSync(fd))
  return fd
}

/** A pipe, with a reader who reads when asked to. */
function openPipe() {
  const path = join(createFolder(), 'pipe')
  execFileSync('mkfifo', [path])
  const reader = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  let isOpen = true
  const close = (): void => {
    if (isOpen) closeSync(reader)
    isOpen = false
  }
  onTestFinished(close)
  const buffer = Buffer.alloc(64 * 1024)
  return {
    fd: open(path, constants.O_WRONLY),
    close,
    /** All that stands in it. */
    read(): string {
      let text = ''
      for (;;) {
        try {
          const bytes = readSync(reader, buffer)
          if (bytes === 0) return text
          text += buffer.toString('utf8', 0, bytes)
        } catch {
          return text
        }
      }
    },
  }
}

const numbered = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, index) => `${JSON.stringify({ index, text: 'é'.repeat(20) })}\n`,
  )

describe('lines of the log', () => {
  it('are written to a file in their order, in the turn in which they come', async () => {
    const path = join(createFolder(), 'log')
    const { output } = start(open(path, constants.O_WRONLY | constants.O_CREAT))
    const lines = numbered(1000)
    for (const line of lines.slice(0, 500)) output.write(line)
    expect(readFileSync(path, 'utf8')).toBe('')
    await sleep(1)
    expect(readFileSync(path, 'utf8')).toBe(lines.slice(0, 500).join(''))
    for (const line of lines.slice(500)) output.write(line)
    await expect.poll(() => readFileSync(path, 'utf8'), SOON).toBe(lines.join(''))
  })

  it('are written when the process ends in the middle of a turn', () => {
    const path = join(createFolder(), 'log')
    const { output, exit } = start(open(path, constants.O_WRONLY | constants.O_CREAT))
    output.write('last\n')
    exit()
    expect(readFileSync(path, 'utf8')).toBe('last\n')
  })

  it('go into a pipe in pieces that nothing can stand in the middle of', async () => {
    const pipe = openPipe()
    const { output } = start(pipe.fd)
    const lines = [...numbered(300), `${'long'.repeat(3000)}\n`, ...numbered(300)]
    let received = ''
    for (const line of lines) output.write(line)
    await expect
      .poll(() => {
        // Another thread of the same process writes too.
        writeSync(pipe.fd, 'other\n')
        received += pipe.read()
        return received.replaceAll('other\n', '').length
      }, SOON)
      .toBe(lines.join('').length)
    expect(received.replaceAll('other\n', '')).toBe(lines.join(''))
  })

  it('wait for a reader who has stopped, as many as may, and nobody waits with them', async () => {
    const pipe = openPipe()
    const { output, onLost } = start(pipe.fd)
    const line = `${'x'.repeat(1023)}\n`
    const count = MORE_THAN_WAITS / line.length
    for (let i = 0; i < count; i++) {
      output.write(line)
      // It would not come back from a pipe that is full.
      if (i % 512 === 0) await sleep(1)
    }
    expect(onLost).not.toHaveBeenCalled()
    let received = ''
    await expect
      .poll(() => {
        received += pipe.read()
        return onLost.mock.calls.length
      }, SOON)
      .toBe(1)
    const lost = onLost.mock.calls[0]?.[0] ?? 0
    received += pipe.read()
    expect(received).toBe(line.repeat(count - lost))
    expect(lost).toBeGreaterThan(1000)
    expect(lost).toBeLessThan(3000)
  })

  it('are lost where no reader will come back', async () => {
    const pipe = openPipe()
    const { output, onLost, exit } = start(pipe.fd)
    pipe.close()
    output.write('one\n')
    await sleep(1)
    output.write('two\n')
    exit()
    expect(onLost).not.toHaveBeenCalled()
  })

  it.each(smallDisks)('are lost while there is no room, and told: %s', async (_disk, create) => {
    const disk = create()
    // The other of the two can be made on every machine.
    if (disk === undefined) return
    const path = join(disk.folder, 'log')
    const { output, onLost } = start(open(path, constants.O_WRONLY | constants.O_CREAT))
    output.write('before\n')
    await expect.poll(() => readFileSync(path, 'utf8'), SOON).toBe('before\n')
    disk.fill()
    // More than is left of the last page, so that a line is cut.
    for (let i = 0; i < 200; i++) output.write(`${i}${'x'.repeat(60)}\n`)
    await sleep(1)
    output.write('and one more\n')
    await sleep(50)
    expect(onLost).not.toHaveBeenCalled()
    disk.free()
    output.write('after\n')
    await expect.poll(() => onLost.mock.calls.length, SOON).toBe(1)
    const written = readFileSync(path, 'utf8')
    expect(written.endsWith('\nafter\n')).toBe(true)
    const whole = written.split('\n').filter((line) => /^\d+x{60}$/.test(line)).length
    expect(onLost.mock.calls[0]?.[0]).toBe(201 - whole)
  })
})

it('a server goes on whose log nobody reads, and the log with it', async () => {
  const pipe = openPipe()
  const server = spawn(process.execPath, [...START_FLAGS, SERVER], {
    cwd: createFolder(),
    env: {
      PORT: '0',
      HOST: '127.0.0.1',
      CLIENT_TOKENS: 'anna:ks-test-0123456789',
      UPSTREAM_API_KEY: TEST_CREDENTIAL,
      AUTH_FAILURE_LIMIT_PER_MINUTE: '10000',
    },
    stdio: ['ignore', pipe.fd, 'inherit'],
  })
  onTestFinished(() => void server.kill('SIGKILL'))
  let log = ''
  const read = (): string => (log += pipe.read())
  await expect.poll(read, SOON).toMatch(LISTENING)
  const url = `${LISTENING.exec(log)?.[1]}/v1/models`
  const count = 600
  for (let i = 0; i < count; i++) {
    const { status, body } = await fetch(url)
    await body?.cancel()
    expect(status).toBe(401)
  }
  const lines = (): unknown[] =>
    read()
      .split('\n')
      .filter((line) => line.includes('"status":401'))
      .map((line) => JSON.parse(line))
  // What a pipe holds by itself is less.
  await expect.poll(() => lines().length, SOON).toBe(count)
})
