const NOT_PLAIN = /[^\x20-\x7e]/
const NOT_PLAIN_ALL = /[^\x20-\x7e]/g

/** Why a name that stands twice, or in letters that only some parsers take for one of `names`, cannot be read for sure. */
export function findAmbiguity(
  name: string,
  names: ReadonlySet<string>,
  found: ReadonlyMap<string, unknown>,
): string | undefined {
  if (names.has(name)) {
    return found.has(name)
      ? `The request body names "${name}" twice. Keep one of the two.`
      : undefined
  }
  const folded = fold(name)
  return names.has(folded)
    ? `The request body names "${folded}" in other letters. Write it in lower case.`
    : undefined
}

/**
 * What the laxest parsers make of a name. Go's encoding/json folds case, and with it the long s and the Kelvin sign;
 * in C a name ends at a NUL; some leave out bytes that are no text.
 */
function fold(name: string): string {
  const folded = name.toLowerCase()
  if (!NOT_PLAIN.test(folded)) return folded
  return (folded.split('\0', 1)[0] ?? '').replaceAll('ſ', 's').replaceAll(NOT_PLAIN_ALL, '')
}
