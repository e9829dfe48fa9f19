import { spawn } from 'node:child_process'

import { describe, expect, it, onTestFinished } from 'vitest'

import { TEST_CREDENTIAL, TEST_TOKEN } from '../helpers/gateway.ts'
import { createNpmFolder, npmEnvironment } from '../helpers/npm.ts'
import { isGroupRunning, type KeystowProcess, listeningPort, startNpm } from '../helpers/process.ts'
import { findProgram } from '../helpers/programs.ts'
import { collectSse } from '../helpers/sse.ts'
import { startUpstream } from '../helpers/upstream.ts'

// Whoever runs Keystow by npm knows npm's process, and so does a supervisor. npm hands SIGTERM and SIGINT to the shell
// it started, which ends without a word to the server: that went on, with the key, owned by nobody. Without the shell
// the server gets twice what a terminal or a supervisor sends to all of them, and a second signal means "at once".

const DELTA = 'data: {"choices":[{"delta":{"content":"a"},"finish_reason":null}]}\n\n'
const END = 'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

const script = findProgram('script')

/** An upstream whose streams end when they are told to. */
async function startHeldUpstream() {
  const enders: (() => void)[] = []
  const { origin } = await startUpstream((_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' }).write(DELTA)
    enders.push(() => response.end(DELTA + END))
  })
  const env = {
    PORT: '0',
    UPSTREAM_URL: origin,
    UPSTREAM_API_KEY: TEST_CREDENTIAL,
    CLIENT_TOKENS: `alice:${TEST_TOKEN}`,
  }
  return { env, endStreams: () => enders.forEach((end) => end()) }
}

async function startServer() {
  const { env, endStreams } = await startHeldUpstream()
  const npm = startNpm({ args: ['start'], env })
  return { npm, port: await listeningPort(npm), endStreams }
}

const stream = (port: number): Promise<Response> =>
  fetch(`http://127.0.0.1:${port}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${TEST_TOKEN}`, 'content-type': 'application/json' },
    body: '{"model":"m","stream":true}',
  })

async function lastEventOf(running: Response): Promise<string | undefined> {
  return (await collectSse(running)).at(-1)?.data
}

async function expectNobodyLeft({ child }: KeystowProcess): Promise<void> {
  await expect.poll(() => isGroupRunning(child), { timeout: 10_000 }).toBe(false)
}

describe('npm start', () => {
  it.each(['SIGTERM', 'SIGINT'] as const)(
    'lets a running stream end when npm gets %s, and nobody is left',
    async (signal) => {
      const { npm, port, endStreams } = await startServer()
      const running = await stream(port)
      npm.child.kill(signal)
      await npm.waitFor('"draining"')
      endStreams()
      expect(await lastEventOf(running)).toBe('[DONE]')
      expect(await npm.exited).toBe(0)
      await expectNobodyLeft(npm)
    },
  )

  it('counts once what a supervisor sends to the whole group', async () => {
    const { npm, port, endStreams } = await startServer()
    const running = await stream(port)
    process.kill(-(npm.child.pid ?? 0), 'SIGTERM')
    await npm.waitFor('"draining"')
    endStreams()
    expect(await lastEventOf(running)).toBe('[DONE]')
    expect(await npm.exited).toBe(0)
  })

  it('drains and ends when npm is gone without a signal to it', async () => {
    const { npm, port, endStreams } = await startServer()
    const running = await stream(port)
    npm.child.kill('SIGKILL')
    await npm.waitFor('"draining"')
    endStreams()
    expect(await lastEventOf(running)).toBe('[DONE]')
    await expectNobodyLeft(npm)
  })
})

describe('npm run demo', () => {
  it('ends with npm', async () => {
    const npm = startNpm({ args: ['run', 'demo'], env: { PORT: '0' } })
    await npm.waitFor('Ctrl-C ends both')
    npm.child.kill('SIGTERM')
    expect(await npm.exited).toBe(0)
    await expectNobodyLeft(npm)
  })
})

describe.skipIf(script === undefined)('Ctrl-C in a terminal', () => {
  /** `script` holds the other end of the terminal, and hands on npm's exit code. */
  async function startInTerminal(command: string, env: Readonly<Record<string, string>>) {
    const cwd = createNpmFolder()
    const terminal = spawn(script ?? 'script', ['-qefc', `exec ${command}`, '/dev/null'], {
      cwd,
      env: { PATH: process.env['PATH'], ...npmEnvironment(cwd), ...env },
      stdio: ['pipe', 'pipe', 'ignore'],
    })
    onTestFinished(() => void terminal.kill('SIGKILL'))
    let written = ''
    terminal.stdout.on('data', (chunk: Buffer) => (written += chunk.toString()))
    const exited = new Promise<number | null>((resolve) => terminal.once('close', resolve))
    return {
      exited,
      written: () => written,
      waitFor: (text: RegExp) => expect.poll(() => written, { timeout: 20_000 }).toMatch(text),
      pressCtrlC: () => terminal.stdin.write('\u0003'),
    }
  }

  /** Ctrl-C was pressed once while a stream ran. */
  async function interruptStream() {
    const { env, endStreams } = await startHeldUpstream()
    const terminal = await startInTerminal('npm start', env)
    await terminal.waitFor(/listening at http:\S+:\d+/)
    const port = Number(/listening at http:\S+:(\d+)/.exec(terminal.written())?.[1])
    const running = await stream(port)
    terminal.pressCtrlC()
    await terminal.waitFor(/draining/)
    return { terminal, running, endStreams }
  }

  it('lets a running stream of npm start end', async () => {
    const { terminal, running, endStreams } = await interruptStream()
    endStreams()
    expect(await lastEventOf(running)).toBe('[DONE]')
    expect(await terminal.exited).toBe(0)
  })

  it('ends npm start at once when it is pressed again', async () => {
    const { terminal, running } = await interruptStream()
    const again = setInterval(() => terminal.pressCtrlC(), 200)
    onTestFinished(() => clearInterval(again))
    expect(await terminal.exited).toBe(1)
    await expect(running.text()).rejects.toThrow('terminated')
  })

  it('ends npm run demo', async () => {
    const terminal = await startInTerminal('npm run demo', { PORT: '0' })
    await terminal.waitFor(/Ctrl-C ends both/)
    terminal.pressCtrlC()
    expect(await terminal.exited).toBe(0)
  })
})
