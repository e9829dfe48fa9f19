import type { Percentiles } from '../rig/load.ts'
import { demandNoError, type Target } from '../rig/stage.ts'
import { ENDLESS } from './scenario.ts'

/** The streams of everybody else, who are to feel none of it. */
export const OTHERS = { mode: 'stream', conns: 200, events: ENDLESS, pace: 50 } as const

/** Does something beside them, and tells how old their events got. */
export async function besideOthers<Done>(
  target: Target,
  work: () => Promise<Done>,
): Promise<{ readonly done: Done; readonly added: Percentiles }> {
  const others = target.startLoad(OTHERS)
  await others.begun
  let done: Done
  try {
    done = await work()
  } finally {
    // Whatever became of the work: streams that go on would be in the way of the next that is measured.
    await others.stop()
  }
  const { added } = demandNoError(await others.result)
  return { done, added }
}
