import type { Secret } from '../secret.ts'

/** Writes a credential into a flat list of outbound headers: name, value, name, value. */
export type InjectCredential = (outboundHeaders: string[]) => void

/** Paths that go to one upstream with one credential. */
export interface Family {
  readonly name: string
  /** Path prefixes without a trailing slash. */
  readonly prefixes: readonly string[]
  /** Scheme, host and port of the upstream. */
  readonly origin: string
  readonly injectCredential: InjectCredential
}

/** A header that carries the credential; `{credential}` in the template is where it goes. */
export interface CredentialHeader {
  /** Lower case. */
  readonly name: string
  readonly template: string
}

interface FamilyOptions {
  readonly name: string
  readonly prefixes: readonly string[]
  readonly origin: string
  readonly credential: Secret
  readonly headers: readonly CredentialHeader[]
}

/** Binds a credential to one origin, for good: nothing else in the process pairs the two. */
export function createFamily({ credential, headers, ...family }: FamilyOptions): Family {
  const injectCredential: InjectCredential = (outboundHeaders) => {
    for (const { name, template } of headers) {
      // A function, because `$` in the credential would be read as a pattern.
      outboundHeaders.push(
        name,
        template.replace('{credential}', () => credential.reveal()),
      )
    }
  }
  return Object.freeze({ ...family, injectCredential })
}
