/** What stands in the answers to a case, with a check behind it: a mutation must not make another case's mark of it. */
export function markOf(caseId: string): string {
  let sum = 7
  for (const character of caseId) sum = Math.imul(sum ^ character.charCodeAt(0), 0x01000193) >>> 0
  return `${caseId}.${sum.toString(36)}.`
}

/** The cases whose mark stands in a text. */
export function markedIn(text: string): string[] {
  return [...text.matchAll(/([arv]\d+)\.[0-9a-z]+\./g)]
    .filter(([mark, caseId = '']) => mark === markOf(caseId))
    .map(([, caseId = '']) => caseId)
}
