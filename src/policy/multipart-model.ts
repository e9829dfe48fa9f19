const CRLF_CRLF = '\r\n\r\n'

/**
 * The value of the form field `model` in a multipart body (RFC 7578), undefined when there is none, or null
 * when the body cannot be read without doubt: such a body must not pass a check of its model.
 */
export function findMultipartModel(body: Buffer, contentType: string): string | null | undefined {
  const boundary = /;\s*boundary=(?:"([^"]{1,70})"|([^\s;"]{1,70}))\s*(?:;|$)/i.exec(contentType)
  const name = boundary?.[1] ?? boundary?.[2]
  if (name === undefined) return null
  const delimiter = Buffer.from(`--${name}`)
  let model: string | undefined
  let at = body.indexOf(delimiter)
  if (at !== 0) return null
  while (at !== -1) {
    const start = at + delimiter.length
    if (body.subarray(start, start + 2).equals(Buffer.from('--'))) return model
    const next = body.indexOf(Buffer.concat([Buffer.from('\r\n'), delimiter]), start)
    const headEnd = body.indexOf(CRLF_CRLF, start)
    if (next === -1 || headEnd === -1 || headEnd > next) return null
    const field = fieldName(body.toString('latin1', start, headEnd))
    if (field === undefined) return null
    if (field.toLowerCase() === 'model') {
      if (model !== undefined || field !== 'model') return null
      model = body.toString('utf8', headEnd + CRLF_CRLF.length, next)
    }
    at = next + 2
  }
  return null
}

/** The one quoted `name` of a part's Content-Disposition, or undefined when it is written any other way. */
function fieldName(head: string): string | undefined {
  const dispositions = head.split('\r\n').filter((line) => /^content-disposition\s*:/i.test(line))
  if (dispositions.length !== 1) return undefined
  const names = [...(dispositions[0] ?? '').matchAll(/[;\s]name\*?\s*=/gi)]
  const quoted = /[;\s]name="([^"\\\r\n]*)"/i.exec(dispositions[0] ?? '')?.[1]
  return names.length === 1 ? quoted : undefined
}
