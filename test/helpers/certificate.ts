import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

import { createFolder } from './folder.ts'
import { findProgram } from './programs.ts'

export const openssl = findProgram('openssl')

export interface Certificate {
  readonly key: string
  readonly cert: string
  /** Where the certificate stands, for NODE_EXTRA_CA_CERTS. */
  readonly certFile: string
}

/** A self-signed certificate and its key, made anew: a key in the repository would look like a real one. */
export function createCertificate(subjectAltName: string): Certificate {
  const folder = createFolder()
  const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')]
  const args = ['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  const names = ['-nodes', '-subj', '/CN=test', '-addext', `subjectAltName=${subjectAltName}`]
  const files = ['-days', '2', '-keyout', keyFile, '-out', certFile]
  execFileSync(openssl ?? 'openssl', [...args, ...names, ...files], { stdio: 'ignore' })
  return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8'), certFile }
}
