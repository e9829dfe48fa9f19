interface Choice {
  readonly type: string
  /** What is sent otherwise. */
  readonly over: string
}

interface Range {
  readonly name: string
  /** From 0, which is not taken, to 1. */
  readonly weight: number
}

const WEIGHT = /^\s*q\s*=\s*(0(?:\.\d*)?|1(?:\.0*)?)\s*$/i

/** Whether an `accept` (RFC 9110, section 12.5.1) names a type and takes it no less gladly than the other. */
export function isPreferred(accept: string, { type, over }: Choice): boolean {
  const ranges = accept.split(',').map(readRange)
  const weight = weightOf(ranges, [type])
  if (weight === undefined || weight === 0) return false
  const group = `${over.slice(0, over.indexOf('/'))}/*`
  return weight >= (weightOf(ranges, [over, group, '*/*']) ?? 0)
}

/** The first of the names that stands there decides: the most exact comes first. */
function weightOf(ranges: readonly Range[], names: readonly string[]): number | undefined {
  const found = names.map((name) => ranges.find((range) => range.name === name))
  return found.find((range) => range !== undefined)?.weight
}

function readRange(text: string): Range {
  const [name = '', ...parameters] = text.split(';')
  const weights = parameters.flatMap((parameter) => WEIGHT.exec(parameter)?.[1] ?? [])
  return { name: name.trim().toLowerCase(), weight: Number(weights[0] ?? 1) }
}
