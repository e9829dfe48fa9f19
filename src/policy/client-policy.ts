import type { Client } from '../clients/client.ts'
import { KeystowError } from '../errors.ts'
import { isNameAllowed } from './name-pattern.ts'
import { isPathWithin } from './path-prefix.ts'
import type { Target } from './request-target.ts'

/** Throws when a client may not use a path. */
export function checkPath(client: Client, path: string): void {
  const { paths } = client
  if (paths === undefined || paths.some((prefix) => isPathWithin(path, prefix))) return
  throw new KeystowError('notAllowed', {
    message: `This client may not use ${path}. Its operator can add it to the client's paths.`,
  })
}

/**
 * Throws when a client may not use a model. A family other than `/v1` whose requests name no model counts as
 * a model of its own name, so that a list of models closes it too.
 */
export function checkModel(client: Client, target: Target, model: string | undefined): void {
  const { models } = client
  if (models === undefined) return
  const named = model ?? (target.family?.name === 'v1' ? undefined : target.family?.name)
  if (named !== undefined && isNameAllowed(named, models)) return
  const message =
    named === undefined
      ? 'This client may use certain models only, and the request names none. Name one in "model".'
      : `This client may not use the model ${JSON.stringify(named.slice(0, 100))}. Choose another, or ask the operator of this server.`
  throw new KeystowError('notAllowed', { message, param: 'model' })
}
