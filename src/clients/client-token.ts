import { hash, randomInt } from 'node:crypto'

const BASE62 = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

/** 43 base62 characters hold 256 bits. */
const TOKEN_LENGTH = 43

/** What is shorter is found in minutes, whatever limits guesses by address. `npm run token` makes them long. */
export const MIN_TOKEN_LENGTH = 4

/** A new client token: `ks-` and 43 base62 characters. */
export function createClientToken(): string {
  let token = 'ks-'
  for (let i = 0; i < TOKEN_LENGTH; i++) token += BASE62[randomInt(BASE62.length)]
  return token
}

/** SHA-256 of a client token, 32 bytes; the only form in which a token is kept. */
export function hashClientToken(token: string): Buffer {
  return hash('sha256', token, 'buffer')
}
