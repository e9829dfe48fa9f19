/** The part of V8's profile that is read here. */
export interface CpuProfile {
  readonly nodes: readonly {
    readonly id: number
    readonly callFrame: {
      readonly functionName: string
      readonly url: string
      readonly lineNumber: number
    }
  }[]
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

const SHOWN = 20

/** The functions, and the packages, that took most time themselves, as shares of all that was not idle. */
export function summarise({ nodes, samples, timeDeltas }: CpuProfile): string {
  const frames = new Map(nodes.map(({ id, callFrame }) => [id, callFrame]))
  const functions = new Map<string, number>()
  const packages = new Map<string, number>()
  let busy = 0
  for (const [i, id] of samples.entries()) {
    const frame = frames.get(id)
    const us = timeDeltas[i] ?? 0
    if (frame === undefined || frame.functionName === '(idle)') continue
    busy += us
    const { functionName, url, lineNumber } = frame
    const place = url === '' ? '' : ` ${shorten(url)}:${lineNumber + 1}`
    count(functions, `${functionName || '(anonymous)'}${place}`, us)
    count(packages, url === '' ? functionName.replace(/^(?!\().*/, '(native)') : packageOf(url), us)
  }
  return `${show(packages, busy)}\n\n${show(functions, busy)}`
}

function count(sums: Map<string, number>, name: string, us: number): void {
  sums.set(name, (sums.get(name) ?? 0) + us)
}

function show(sums: ReadonlyMap<string, number>, whole: number): string {
  return [...sums]
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, SHOWN)
    .map(([name, us]) => `${((100 * us) / whole).toFixed(1).padStart(5)} %  ${name}`)
    .join('\n')
}

const shorten = (url: string): string =>
  url.replace(/^file:.*\/(?=(?:node_modules|src|bench)\/)/, '')

function packageOf(url: string): string {
  const short = shorten(url)
  const name = /^node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(short)?.[1]
  return name ?? /^(?:src\/[^/]+|node:)/.exec(short)?.[0] ?? short
}
