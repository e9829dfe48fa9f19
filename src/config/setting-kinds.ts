import { z } from './zod.ts'

const DAY_MS = 86_400_000

/** What an operator is told of a setting. */
interface SettingInfo {
  /** The environment variable that sets it. */
  readonly env: string
  /** What a valid value looks like; the second half of the message when one is not. */
  readonly expected: string
  /** One sentence for the operator. */
  readonly meaning: string
}

export const settingInfo = z.registry<SettingInfo>()

/** A whole number, from YAML as it is or from the environment as digits. */
export const wholeNumber = (min: number, max: number) =>
  z.union([z.number(), z.string().regex(/^\d+$/).transform(Number)]).pipe(z.int().min(min).max(max))

export const milliseconds = (min: number) => wholeNumber(min, DAY_MS)
