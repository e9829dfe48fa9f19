import { type ChildProcess, spawn } from 'node:child_process'
import { createServer } from 'node:net'

import { createClient } from '@redis/client'
import { createFolder } from './folder.ts'
import { portOf } from './port.ts'
import { findProgram } from './programs.ts'

export const redisServer = findProgram('redis-server')

export interface Redis {
  readonly url: string
  start(): Promise<void>
  stop(): Promise<void>
  /** Lets it hang, and go on: its connections stay, and nothing is answered. */
  hang(): void
  goOn(): void
  /** Sends one command on a connection of its own. */
  command(...args: string[]): Promise<unknown>
}

/** A redis-server of its own on a free port, without persistence; it is the caller's to stop. */
export async function startRedisProcess(): Promise<Redis> {
  const port = await freePort()
  const folder = createFolder()
  let child: ChildProcess | undefined

  const killRunning = (): void => void child?.kill('SIGKILL')

  async function stop(): Promise<void> {
    const running = child
    child = undefined
    process.off('exit', killRunning)
    if (running === undefined) return
    const exited = new Promise((resolve) => running.once('exit', resolve))
    running.kill('SIGKILL')
    await exited
  }

  async function start(): Promise<void> {
    const args = ['--port', String(port), '--bind', '127.0.0.1', '--save', '', '--dir', folder]
    const started = spawn(redisServer ?? 'redis-server', args, {
      stdio: ['ignore', 'pipe', 'ignore'],
    })
    child = started
    process.on('exit', killRunning)
    await new Promise<void>((resolve, reject) => {
      started.once('exit', () => reject(new Error('redis-server ended')))
      started.stdout.on('data', (chunk: Buffer) => {
        if (chunk.toString().includes('Ready to accept connections')) resolve()
      })
    })
  }

  await start()
  const url = `redis://127.0.0.1:${port}`
  return {
    url,
    start,
    stop,
    hang: () => void child?.kill('SIGSTOP'),
    goOn: () => void child?.kill('SIGCONT'),
    async command(...args) {
      const client = createClient({ url })
      await client.connect()
      const reply: unknown = await client.sendCommand(args)
      client.destroy()
      return reply
    },
  }
}

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const port = portOf(server)
  await new Promise((resolve) => server.close(resolve))
  return port
}
