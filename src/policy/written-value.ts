/** What JSON writes in another way than it reads: all other text is what it stands for. */
const ESCAPED = /[^ -[\]-~\u0080-\uffff]/

/** The text that stands between these quotes; undefined when it is none. */
export const parseString = (text: string): unknown =>
  ESCAPED.test(text) ? parseScalar(`"${text}"`) : text

/** The value that is written so; undefined when it is none. */
export function parseScalar(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
