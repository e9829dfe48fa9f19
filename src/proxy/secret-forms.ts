/** Resellers take the same secret under another prefix, so what must not pass is what follows it. */
const PREFIX = /^(?:hk|sk)-(?=.{8})/

/**
 * The characters that stand wherever a credential does: its own, all visible ASCII, those of its base64 at each of
 * the three alignments, in both alphabets, and those of its hexadecimal in either case.
 */
export function buildSecretForms(credential: string): readonly string[] {
  const secret = credential.replace(PREFIX, '')
  const encoded = [0, 1, 2].map((offset) => encodeAt(secret, offset))
  const urlSafe = encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  const hex = Buffer.from(secret, 'latin1').toString('hex')
  return [...new Set([secret, ...encoded, ...urlSafe, hex, hex.toUpperCase()])]
}

/**
 * The base64 characters that depend on the secret alone when `offset` bytes (modulo 3) stand before it: the
 * characters at both ends also hold bits of its neighbours.
 */
function encodeAt(secret: string, offset: number): string {
  const bytes = Buffer.concat([Buffer.alloc(offset), Buffer.from(secret, 'latin1')])
  const text = bytes.toString('base64').replace(/=+$/, '')
  const first = offset === 0 ? 0 : offset + 1
  const whole = Math.floor((bytes.length * 8) / 6)
  return text.slice(first, whole)
}
