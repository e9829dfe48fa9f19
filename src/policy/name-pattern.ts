/** Whether a name is one of the allowed ones, where `*` stands for any characters. Case matters. */
export function isNameAllowed(name: string, allowed: readonly string[]): boolean {
  return allowed.some((pattern) => matchesPattern(name, pattern))
}

function matchesPattern(name: string, pattern: string): boolean {
  const [head = '', ...rest] = pattern.split('*')
  if (rest.length === 0) return name === pattern
  const tail = rest.pop() ?? ''
  if (!name.startsWith(head) || !name.endsWith(tail)) return false
  let from = head.length
  for (const middle of rest) {
    const found = name.indexOf(middle, from)
    if (found === -1) return false
    from = found + middle.length
  }
  return from + tail.length <= name.length
}
