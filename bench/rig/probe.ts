import { Session } from 'node:inspector/promises'

// Loaded into Keystow with `--import`: answers the harness, over the channel between the two.

const SAMPLE_EVERY_US = 200

/** How often the collector runs before the heap is read: what one run frees may free more in the next. */
const COLLECTIONS = 4

const session = new Session()

const answers: Readonly<Record<string, () => Promise<unknown>>> = {
  async heap() {
    for (let i = 0; i < COLLECTIONS; i++) {
      globalThis.gc?.()
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    const { heapUsed, external, rss } = process.memoryUsage()
    return { heapUsed, external, rss }
  },
  async startProfile() {
    session.connect()
    await session.post('Profiler.enable')
    await session.post('Profiler.setSamplingInterval', { interval: SAMPLE_EVERY_US })
    await session.post('Profiler.start')
    return {}
  },
  async stopProfile() {
    const { profile } = await session.post('Profiler.stop')
    session.disconnect()
    return profile
  },
}

process.on('message', (question) => {
  void answers[String(question)]?.().then((answer) => process.send?.(answer))
})
