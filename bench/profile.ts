import { once } from 'node:events'
import { writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

import { keystowForProfile } from './contenders/keystow.ts'
import { say } from './measure.ts'
import type { LoadPlan } from './rig/load.ts'
import type { Stage, Target } from './rig/stage.ts'
import { type CpuProfile, summarise } from './report/profile-summary.ts'
import { warmUp } from './scenarios/processor-time.ts'
import { ENDLESS } from './scenarios/scenario.ts'

const LASTS_MS = 6000

const LOADS = {
  json: { mode: 'json', conns: 32, ms: LASTS_MS },
  events: {
    mode: 'stream',
    conns: 500,
    pace: 20,
    events: ENDLESS,
    wait: 800,
    warm: 1200,
    ms: LASTS_MS,
  },
} as const satisfies Record<string, LoadPlan>

/** Where a warm Keystow spends its processor time, under each load. */
export async function profileKeystow(stage: Stage, { isTls }: { isTls: boolean }): Promise<string> {
  const target = await stage.start(keystowForProfile, { hasChannel: true, isTls })
  await warmUp.run(target)
  const parts: string[] = []
  for (const [name, plan] of Object.entries(LOADS)) {
    say(`profile: ${name}`)
    const load = target.startLoad(plan)
    await load.begun
    await ask(target, 'startProfile')
    const result = await load.result
    const profile = await ask(target, 'stopProfile')
    const file = join(tmpdir(), `keystow-${name}.cpuprofile`)
    writeFileSync(file, JSON.stringify(profile))
    const perUnit = result.cpuUs / (result.events || result.answers)
    const unit = `${perUnit.toFixed(1)} µs each with the profiler on`
    parts.push(`## ${name}: ${unit}, ${file}\n\n${summarise(profile)}`)
  }
  await target.stop()
  return parts.join('\n\n')
}

async function ask({ child }: Target, question: string): Promise<CpuProfile> {
  if (child === undefined) throw new Error('nothing to ask')
  child.send(question)
  const [answer]: CpuProfile[] = await once(child, 'message')
  if (answer === undefined) throw new Error('no answer')
  return answer
}
