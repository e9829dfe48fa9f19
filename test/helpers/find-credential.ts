const PREFIX = /^[a-z]+[-_]/

/** Undoes one kind of escape as whoever reads the text would. Written apart from the scan, so as to check it. */
const READERS: readonly ((text: string) => string)[] = [
  (text) => text.replace(/%([0-9a-f]{2})/gi, (_, hex: string) => characterOf(hex, 16)),
  (text) =>
    text
      .replace(/\\+(?:u00|x)([0-9a-f]{2})/gi, (_, hex: string) => characterOf(hex, 16))
      .replace(/\\+([nr/"])/g, (_, short: string) => SHORT[short] ?? short),
  (text) =>
    text
      .replace(/&#0*(\d{1,3})(?!\d);?/g, (_, digits: string) => characterOf(digits, 10))
      .replace(/&#x0*([0-9a-f]{1,2})(?![0-9a-f]);?/gi, (_, digits: string) =>
        characterOf(digits, 16),
      ),
]

const SHORT: Readonly<Record<string, string>> = { n: '\n', r: '\r' }

/** As UTF-16 and UTF-32 have them between ASCII characters. */
const FEW_NULS = /(?<!\0)\0{1,3}(?!\0)/g

const SINGLE_LINE_BREAK = /(?<![\r\n])(?:\r\n|\r|\n)(?![\r\n])/g

/** The views of a text: as it is, and with up to three layers of escapes undone, of one kind or of several. */
function viewsOf(text: string): ReadonlySet<string> {
  const views = new Set([text])
  let layer = [text]
  for (let depth = 0; depth < 3; depth++) {
    layer = layer.flatMap((view) => READERS.map((read) => read(view)))
    layer = [...new Set(layer)].filter((view) => !views.has(view))
    for (const view of layer) views.add(view)
  }
  return views
}

/** The texts of which one stands wherever the credential does. */
function needlesOf(credential: string): string[] {
  const secret = credential.replace(PREFIX, '')
  // A character is six bits, and those at both ends may hold some of the neighbours'.
  const encoded = ['', '.', '..'].map((before) => {
    const [start, end] = [before.length * 8, (before.length + secret.length) * 8]
    const text = Buffer.from(`${before}${secret}..`).toString('base64')
    return text.slice(Math.ceil(start / 6), Math.floor(end / 6))
  })
  const inUrls = encoded.map((text) => text.replaceAll('+', '-').replaceAll('/', '_'))
  const hex = Buffer.from(secret).toString('hex')
  return [secret, ...encoded, ...inUrls, hex, hex.toUpperCase()]
}

/** Where a credential stands in a text in any form that a reader undoes; undefined when it does not. */
export function findCredential(text: string, credential: string): string | undefined {
  const needles = needlesOf(credential)
  for (const escaped of viewsOf(text)) {
    const view = escaped.replace(FEW_NULS, '')
    for (const joined of new Set([view, view.replace(SINGLE_LINE_BREAK, '')])) {
      const at = needles.map((needle) => joined.indexOf(needle)).find((index) => index !== -1)
      if (at !== undefined) return joined.slice(Math.max(0, at - 20), at + 100)
    }
  }
  return undefined
}

const characterOf = (digits: string, radix: number): string =>
  String.fromCharCode(Number.parseInt(digits, radix))
