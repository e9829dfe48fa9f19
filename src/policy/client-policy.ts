import type { Client } from '../clients/client.ts'
import { KeystowError } from '../errors.ts'
import { isInMoney } from '../usage/budget.ts'
import type { BodyFields } from './body-fields.ts'
import { isNameAllowed } from './name-pattern.ts'
import { isPathWithin } from './path-prefix.ts'
import { plainPath } from './plain-path.ts'
import type { Target } from './request-target.ts'

/** Throws when a client may not use a path. */
export function checkPath(client: Client, path: string): void {
  const { paths } = client
  if (paths === undefined || paths.some((prefix) => isPathWithin(path, prefix))) return
  throw new KeystowError('notAllowed', {
    message: `This client may not use ${path}. Its operator can add it to the client's paths.`,
  })
}

/** Where a path names a model, as an upstream's older and other APIs have it. */
const MODEL_IN_PATH = /^\/v1\/(?:engines|models|deployments)\/([^/:]+)/i

/** What is cut off, left out or replaced on the way makes another name of it. */
const UNSAFE = /[\p{Cc}\ufffd]/u

/** In the path of another provider, whose body then need not name one. */
const MODEL_ANYWHERE = /\/(?:engines|models|deployments)\/([^/:]+)/i
const MODEL_PREFIX = /^models\//

const NO_MODEL =
  'This client may use certain models only, and the request names none. Name one in "model".'
const FURTHER_MODELS =
  'The request names further models in "models" or "fallbacks", which this client may not. Name one in "model".'
const REALTIME =
  'What a realtime call uses is seen by nobody here, so a client with certain models or a budget may not make one.'

/** OpenAI's word for it, wherever an upstream has it. */
const RESPONSES = /\/responses(?:\/|$)/
const BACKGROUND =
  'What a response in the background uses is told when nobody listens any more, so a client with a budget may not ask for one. Leave "background" out.'

/** What a request says of the models that it is for. */
type Named = Pick<BodyFields, 'model' | 'hasFurtherModels' | 'hasBackground'>

/**
 * Throws when a client may not use a model. A family other than `/v1` counts as a model of its own name, so that a
 * list of models closes it too, whatever its requests call themselves.
 */
export function checkModel(
  { models, budgets }: Client,
  target: Target,
  { model, hasFurtherModels, hasBackground }: Named,
): void {
  if (models === undefined && !isInMoney(budgets)) return
  const inPath = modelsInPath(target.path)
  const inUrl = [...inPath, ...modelsInQuery(target.search)]
  if (isPathWithin(plainPath(target.path), '/v1/realtime')) throw notAllowed(REALTIME)
  if (hasFurtherModels) throw notAllowed(FURTHER_MODELS)
  if (isInMoney(budgets)) {
    refuseOthers(inUrl, model)
    refuseOtherOfFamily(target.path, model)
    if (hasBackground && RESPONSES.test(plainPath(target.path))) {
      throw new KeystowError('notAllowed', { message: BACKGROUND, param: 'background' })
    }
  }
  if (models === undefined) return
  const family = target.family?.name ?? 'v1'
  const named = [
    ...inPath,
    ...(family === 'v1' ? [] : [family]),
    ...(model === undefined ? [] : [model]),
  ]
  if (named.length === 0) throw notAllowed(NO_MODEL)
  const isRefused = (name: string): boolean => UNSAFE.test(name) || !isNameAllowed(name, models)
  const refused = [...named, ...inUrl].find(isRefused)
  if (refused === undefined) return
  throw notAllowed(
    `This client may not use the model ${JSON.stringify(refused.slice(0, 100))}. Choose another, or ask the operator of this server.`,
  )
}

const notAllowed = (message: string): KeystowError =>
  new KeystowError('notAllowed', { message, param: 'model' })

/** What is paid for is the model of the body. */
function refuseOthers(inUrl: readonly string[], model: string | undefined): void {
  if (inUrl.every((name) => name === model)) return
  throw notAllowed('The URL names another model than the body. Name it in "model" alone.')
}

/** A family without a model in its body is paid for by its name; one in the body must not be a cheaper one. */
function refuseOtherOfFamily(path: string, model: string | undefined): void {
  if (model === undefined) return
  const named = modelsInPath(path, MODEL_ANYWHERE)
  refuseOthers(named, model.replace(MODEL_PREFIX, ''))
}

function modelsInPath(path: string, pattern = MODEL_IN_PATH): string[] {
  const plain = path.includes(';') ? path.replaceAll(/;[^/]*/g, '') : path
  const name = pattern.exec(plain)?.[1]
  return name === undefined ? [] : [decodeURIComponent(name)]
}

/** Go's forms take a field from the query before they look into a multipart body. */
function modelsInQuery(search: string): string[] {
  if (search === '') return []
  return search
    .slice(1)
    .split(/[&;]/)
    .flatMap((part) => [...new URLSearchParams(part)])
    .filter(([name]) => /^model(?:[.[]|$)/i.test(name.trim()))
    .map(([, value]) => value)
}

/** Who may use some models only, or may spend so much, sends no body whose model is not known before. */
export const mustKnowModel = ({ models, budgets }: Client): boolean =>
  models !== undefined || isInMoney(budgets)
