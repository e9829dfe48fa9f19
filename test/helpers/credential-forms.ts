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

/** Every character, as programs do that take no chances. */
const percentAll = (text: string): string =>
  Array.from(text, (character) => `%${character.charCodeAt(0).toString(16)}`).join('')

const wrap = (text: string, width: number, lineBreak: string): string =>
  (text.match(new RegExp(`.{1,${width}}`, 'g')) ?? []).join(lineBreak)

/** Every spelling in which the egress scan finds a credential. */
export const CREDENTIAL_FORMS: readonly CredentialForm[] = [
  ['as it is', String],
  ['under another prefix', (credential) => credential.replace(/^hk-/, 'sk-')],
  ['under a prefix nobody uses', (credential) => credential.replace(/^hk-/, 'xyz_')],
  ['without a prefix', (credential) => credential.replace(/^hk-/, '')],
  ['over two lines', (credential) => wrap(credential, 30, '\n')],
  ['in UTF-16', (credential) => Buffer.from(credential, 'utf16le').toString('latin1')],
  ['in UTF-16, the high byte first', escapeWith((_hex, code) => `\0${String.fromCharCode(code)}`)],
  ['in UTF-32', escapeWith((_hex, code) => `${String.fromCharCode(code)}\0\0\0`)],
  ['percent-encoded', escapeWith((hex) => `%${hex}`)],
  [
    'percent-encoded here and there, in upper case',
    escapeWith((hex) => upper(`%${hex}`), everySecond),
  ],
  ['percent-encoded twice', escapeWith((hex) => `%25${hex}`)],
  ['percent-encoded three times', escapeWith((hex) => `%2525${hex}`)],
  ['percent-encoded twice, every character', escapeWith((hex) => percentAll(`%${hex}`))],
  [
    'percent-encoded three times, every character',
    escapeWith((hex) => percentAll(percentAll(`%${hex}`))),
  ],
  [
    'percent-encoded, and the last digits again',
    escapeWith(([high, low = '']) => `%${high}${percentAll(low)}`),
  ],
  ['percent-encoded, and the digits again', escapeWith((hex) => `%${percentAll(hex)}`)],
  [
    'in HTML entities whose digits are percent-encoded',
    escapeWith((_hex, code) => `&#${percentAll(String(code))};`),
  ],
  [
    'in HTML entities of which all digits but the first are percent-encoded',
    escapeWith((_hex, code) => `&#${String(code)[0]}${percentAll(String(code).slice(1))};`),
  ],
  ['JSON-escaped', escapeWith((hex) => `\\u00${hex}`)],
  ['JSON-escaped in a URL', escapeWith((hex) => encodeURIComponent(`\\u00${hex}`))],
  ['JSON-escaped in a URL in a URL', escapeWith((hex) => `%255Cu00${hex}`, everySecond)],
  ['JSON-escaped and all of it percent-encoded', escapeWith((hex) => percentAll(`\\u00${hex}`))],
  ['JSON-escaped behind an escaped backslash', escapeWith((hex) => `\\u005cu00${hex}`)],
  ['percent-encoded behind an escaped percent sign', escapeWith((hex) => `\\u0025${hex}`)],
  ['in HTML entities in JSON', escapeWith((_hex, code) => `\\u0026#${code};`)],
  ['in hexadecimal HTML entities in a URL', escapeWith((hex) => `%26%23x${hex}%3B`)],
  ['in HTML entities of HTML entities', escapeWith((_hex, code) => `&#38;#${code};`)],
  ['the same without semicolons', escapeWith((_hex, code) => `&#38;#${code}`)],
  ['in HTML entities with many zeros', escapeWith((_hex, code) => `&#${'0'.repeat(28)}${code};`)],
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
  ['in hexadecimal', (credential) => Buffer.from(credential).toString('hex')],
  [
    'in hexadecimal, in upper case',
    (credential) => upper(Buffer.from(`key=${credential}`).toString('hex')),
  ],
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

/** What is found beyond them, so that a form that has lost a byte on its way is found too. */
export const BROKEN_FORM: CredentialForm = [
  'percent-encoded three times, but for the first digit of the outermost',
  escapeWith((hex) => percentAll(percentAll(`%${hex}`)).replaceAll('%33%3', '%33%%33')),
]
