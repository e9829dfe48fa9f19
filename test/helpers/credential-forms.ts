/** A way to write a credential, and what it makes of one. */
export type CredentialForm = readonly [name: string, write: (credential: string) => string]

const everyOne = (): boolean => true
const everySecond = (index: number): boolean => index % 2 === 0
const upper = (hex: string): string => hex.toUpperCase()

const escapeWith =
  (
    escape: (hex: string, code: number) => string,
    isEscaped: (index: number) => boolean = everyOne,
  ) =>
  (credential: string): string =>
    Array.from(credential, (character, index) => {
      const code = character.charCodeAt(0)
      return isEscaped(index) ? escape(code.toString(16), code) : character
    }).join('')

const base64 = (text: string): string => Buffer.from(text).toString('base64')

const wrap = (text: string, width: number, lineBreak: string): string =>
  (text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join(lineBreak)

/** Every spelling in which the egress scan finds a credential. */
export const CREDENTIAL_FORMS: readonly CredentialForm[] = [
  ['as it is', String],
  ['under another prefix', (credential) => credential.replace(/^hk-/, 'sk-')],
  ['under a prefix nobody uses', (credential) => credential.replace(/^hk-/, 'xyz_')],
  ['without a prefix', (credential) => credential.replace(/^hk-/, '')],
  ['over two lines', (credential) => wrap(credential, 30, '\n')],
  ['percent-encoded', escapeWith((hex) => `%${hex}`)],
  [
    'percent-encoded here and there, in upper case',
    escapeWith((hex) => upper(`%${hex}`), everySecond),
  ],
  ['percent-encoded twice', escapeWith((hex) => `%25${hex}`)],
  ['JSON-escaped', escapeWith((hex) => `\\u00${hex}`)],
  [
    'JSON-escaped here and there, in upper case',
    escapeWith((hex) => `\\u00${upper(hex)}`, everySecond),
  ],
  ['JSON-escaped in JSON', escapeWith((hex) => `\\\\u00${hex}`, everySecond)],
  ['JSON-escaped in JSON in JSON', escapeWith((hex) => `\\\\\\\\u00${hex}`)],
  ['JSON-escaped in upper case', escapeWith((hex) => upper(`\\u00${hex}`))],
  ['escaped as in a program', escapeWith((hex) => `\\x${hex}`)],
  ['in HTML entities', escapeWith((_hex, code) => `&#${code};`)],
  ['in hexadecimal HTML entities', escapeWith((hex) => `&#x${hex};`, everySecond)],
  ['in HTML entities with zeros', escapeWith((hex) => `&#X000${upper(hex)};`)],
  ['in HTML entities without semicolons', escapeWith((_hex, code) => `&#${code}`)],
  ['in base64', base64],
  ['in base64 behind one byte', (credential) => base64(`:${credential}`)],
  ['in base64 behind two bytes', (credential) => base64(`a:${credential}x`)],
  ['in base64 for URLs', (credential) => Buffer.from(`user:${credential}`).toString('base64url')],
  ['in base64 in lines', (credential) => wrap(base64(`user:${credential}`), 60, '\r\n')],
  ['in base64 in short lines', (credential) => wrap(base64(`:${credential}`), 4, '\n')],
  ['in base64 in escaped lines', (credential) => wrap(base64(credential), 64, '\\n')],
  [
    'in base64 with escaped slashes',
    (credential) => base64(`?~${credential}`).replaceAll('/', '\\/'),
  ],
  ['in base64 in a URL', (credential) => encodeURIComponent(base64(`~?>${credential}>`))],
]
