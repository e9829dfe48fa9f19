/** Recognises some names by their bytes. */
export interface JsonNames {
  /** The name that is written between two indices; empty when it is none of them. */
  find(bytes: Buffer, from: number, end: number, hasEscapes: boolean): string
}

interface Entry {
  readonly name: string
  readonly bytes: Buffer
}

/** The longest name that is known may have every letter escaped, in six bytes each. */
export const MAX_NAME_BYTES = 160

export function createJsonNames(names: readonly string[]): JsonNames {
  const longest = Math.max(...names.map((name) => name.length))
  const byLength: Entry[][] = Array.from({ length: longest + 1 }, () => [])
  for (const name of names) byLength[name.length]?.push({ name, bytes: Buffer.from(name) })
  return {
    find(bytes, from, end, hasEscapes) {
      const length = end - from
      if (hasEscapes) return findEscaped(bytes.toString('utf8', from, end), names)
      const entries = length <= longest ? byLength[length] : undefined
      if (entries === undefined) return ''
      for (let index = 0; index < entries.length; index++) {
        const entry = entries[index]
        if (entry !== undefined && isWrittenAt(bytes, from, entry.bytes)) return entry.name
      }
      return ''
    },
  }
}

function isWrittenAt(bytes: Buffer, from: number, name: Buffer): boolean {
  for (let at = 0; at < name.length; at++) {
    if (bytes[from + at] !== name[at]) return false
  }
  return true
}

function findEscaped(json: string, names: readonly string[]): string {
  if (json.length > MAX_NAME_BYTES) return ''
  try {
    const name: unknown = JSON.parse(`"${json}"`)
    return names.find((known) => known === name) ?? ''
  } catch {
    return ''
  }
}
