/** Longer texts are not asked for again and again. */
const MAX_LENGTH = 200

const MAX_KNOWN = 500

/**
 * Keeps what was made of the last few hundred texts: nearly all requests ask for the same few. For functions that make
 * the same of a text each time; bounded, since anybody can ask for others.
 */
export function remember<Value>(make: (text: string) => Value): (text: string) => Value {
  const known = new Map<string, { readonly value: Value }>()
  return function makeOrRemember(text) {
    const found = known.get(text)
    if (found !== undefined) return found.value
    const value = make(text)
    if (text.length <= MAX_LENGTH) {
      if (known.size >= MAX_KNOWN) known.clear()
      known.set(text, { value })
    }
    return value
  }
}
