import { execFileSync, spawn } from 'node:child_process'
import { closeSync, constants, openSync, readFileSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { StringDecoder } from 'node:string_decoder'
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

import { describe, expect, it, onTestFinished, vi } from 'vitest'

import { createLogOutput } from '../src/log-output.ts'
import { createLogger } from '../src/logger.ts'
import { createEgressScanner } from '../src/proxy/egress-scan.ts'
import { createSecret } from '../src/secret.ts'
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
  if (output === undefined) throw new Error('this cannot be written to')
  const onLost = vi.fn<(count: number) => void>()
  output.onLost = onLost
  return { output, onLost, exit: () => onExit.forEach((listener) => listener()) }
}

function open(path: string, flags: number): number {
  const fd = openSync(path, flags)
  onTestFinished(() => closeSync(fd))
  return fd
}

function openFile() {
  const path = join(createFolder(), 'log')
  const fd = open(path, constants.O_WRONLY | constants.O_CREAT)
  return { fd, read: () => readFileSync(path, 'utf8') }
}

/** A pipe, with a reader who reads when asked to. */
function openPipe() {
  const path = join(createFolder(), 'pipe')
  execFileSync('mkfifo', [path])
  const openReader = (): number => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  let reader: number | undefined = openReader()
  const buffer = Buffer.alloc(64 * 1024)
  const decoder = new StringDecoder()
  function leave(): void {
    if (reader !== undefined) closeSync(reader)
    reader = undefined
  }
  onTestFinished(leave)
  function readSome(bytes: number): number {
    try {
      return reader === undefined ? 0 : readSync(reader, buffer, 0, bytes, null)
    } catch {
      return 0
    }
  }
  /** So many bytes of it, or all that stands there. */
  function read(most = Infinity): string {
    let text = ''
    for (let left = most; left > 0;) {
      const bytes = readSome(Math.min(left, buffer.length))
      if (bytes === 0) break
      left -= bytes
      text += decoder.write(buffer.subarray(0, bytes))
    }
    return text
  }
  return {
    path,
    fd: open(path, constants.O_WRONLY),
    read,
    leave,
    comeBack: () => void (reader = openReader()),
  }
}

const numbered = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, index) => `${JSON.stringify({ index, text: 'é'.repeat(20) })}\n`,
  )

describe('lines of the log', () => {
  it('are written to a file in their order, those of a turn together', async () => {
    const file = openFile()
    const { output } = start(file.fd)
    const lines = numbered(1000)
    for (const line of lines.slice(0, 500)) output.write(line)
    expect(file.read()).toBe('')
    await expect.poll(file.read, SOON).toBe(lines.slice(0, 500).join(''))
    for (const line of lines.slice(500)) output.write(line)
    await expect.poll(file.read, SOON).toBe(lines.join(''))
  })

  it('are written when the process ends in the middle of a turn', () => {
    const file = openFile()
    const { output, exit } = start(file.fd)
    output.write('last\n')
    exit()
    expect(file.read()).toBe('last\n')
  })

  it('are written at once with one that is fatal', () => {
    const file = openFile()
    const { output } = start(file.fd)
    const scanner = createEgressScanner([createSecret(TEST_CREDENTIAL)])
    const logger = createLogger({ level: 'info', scanner, destination: output })
    logger.info('before')
    expect(file.read()).toBe('')
    logger.fatal('the end')
    expect(file.read()).toMatch(/before.*\n.*the end.*\n$/)
  })

  it('are written when the process ends to a reader who comes late', async () => {
    const pipe = openPipe()
    const { output, exit } = start(pipe.fd)
    const line = `${'x'.repeat(1023)}\n`
    for (let i = 0; i < 500; i++) output.write(line)
    const script = `sleep 0.3; head -c ${500 * line.length} ${pipe.path} | wc -c`
    const late = spawn('sh', ['-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    onTestFinished(() => void late.kill())
    let counted = ''
    late.stdout.on('data', (chunk) => (counted += String(chunk)))
    // Nothing else happens here meanwhile.
    exit()
    await expect.poll(() => Number(counted), SOON).toBe(500 * line.length)
  })

  it('go into a pipe in pieces that nothing can stand in the middle of', async () => {
    const pipe = openPipe()
    // Another thread of the same process.
    const other = start(pipe.fd).output
    const { output } = start(pipe.fd)
    const lines = numbered(5000)
    for (const line of lines) output.write(line)
    let received = ''
    const rest = (): string => received.replaceAll(/^other\n/gm, '')
    await expect
      .poll(() => {
        received += pipe.read(9000)
        other.write('other\n')
        other.flushSync?.()
        return rest().length
      }, SOON)
      .toBe(lines.join('').length)
    expect(rest()).toBe(lines.join(''))
    expect(received).toContain('\nother\n{')
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

  it('are lost while there is no reader, and go on with the next', async () => {
    const pipe = openPipe()
    const { output, onLost } = start(pipe.fd)
    pipe.leave()
    output.write('one\n')
    output.write('two\n')
    await nextTurn()
    await nextTurn()
    output.write('three\n')
    await nextTurn()
    await nextTurn()
    expect(onLost).not.toHaveBeenCalled()
    pipe.comeBack()
    output.write('four\n')
    await expect.poll(() => onLost.mock.calls, SOON).toEqual([[3]])
    expect(pipe.read()).toBe('four\n')
  })

  it('are told of in a line where some are missing', async () => {
    const pipe = openPipe()
    const scanner = createEgressScanner([createSecret(TEST_CREDENTIAL)])
    const { output } = start(pipe.fd)
    const logger = createLogger({ level: 'error', scanner, destination: output })
    const long = 'x'.repeat(1024 * 1024)
    for (let i = 0; i < 8; i++) logger.error(long)
    let received = ''
    await expect.poll(() => (received += pipe.read()), SOON).toContain('lines of the log were lost')
    expect(received.slice(-200)).toMatch(/"count":4,"msg":"lines of the log were lost[^\n]*\n$/)
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
    await nextTurn()
    await nextTurn()
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
