const AMOUNT = /^(\d{1,6})(?:\.(\d{1,6}))?$/

/**
 * Millionths of an amount, from its digits and without a rounding; undefined for what is no amount from 0 up to
 * 999999.999999. A number is read as it is written: JavaScript writes it with the fewest digits that mean it.
 */
export function parseMicros(value: unknown): number | undefined {
  if (typeof value !== 'number' && typeof value !== 'string') return undefined
  const [, whole, fraction = ''] = AMOUNT.exec(String(value).trim()) ?? []
  return whole === undefined ? undefined : Number(whole + fraction.padEnd(6, '0'))
}
