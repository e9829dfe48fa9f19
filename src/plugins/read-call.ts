import type { FastifyReply, FastifyRequest } from 'fastify'

import { withoutTokens } from '../clients/url-tokens.ts'
import { KeystowError } from '../errors.ts'
import { bodyKind } from '../policy/body-kind.ts'
import { checkModel, mustKnowModel } from '../policy/client-policy.ts'
import { type InboundBody, readInboundBody } from '../policy/inbound-body.ts'
import { isRead } from '../policy/methods.ts'
import type { BodyMemory } from '../proxy/body-memory.ts'
import type { Client } from '../clients/client.ts'
import type { Family } from '../proxy/family.ts'
import { presentedBy } from '../request-record.ts'
import type { Target } from '../policy/request-target.ts'
import { askForUsage } from '../usage/ask-for-usage.ts'
import { createDemandMeter, type Demand } from '../usage/demand.ts'
import { type Endpoint, findEndpoint } from '../usage/endpoint.ts'
import { createFormDemandMeter } from '../usage/form-demand.ts'
import { createMeter, type Meter } from '../usage/meter.ts'

/** A request that may be forwarded, and what is known of it. */
export interface Call {
  readonly client: Client
  /** As it is sent on: without a token in its query. */
  readonly target: Target
  readonly family: Family
  readonly endpoint: Endpoint
  readonly fields: InboundBody['fields']
  readonly content: InboundBody['content']
  /** Of the content, in bytes, where it is known. */
  readonly length: number | undefined
  /** It can be sent again. */
  readonly isWhole: boolean
  /** The usage of a stream was asked for by Keystow alone. */
  readonly isUsageAdded: boolean
  readonly demand: () => Demand
  readonly meter: Meter
}

/** Reads what policy and the ledger need of a request; throws when its client may not have it. */
export async function readCall(
  request: FastifyRequest,
  reply: FastifyReply,
  memory: BodyMemory,
): Promise<Call> {
  const { record, raw } = request
  const { target, client } = record
  const family = target?.family
  if (target === undefined || family === undefined || client === undefined) {
    throw new Error('a request was routed to a family without a target or a client')
  }
  const endpoint = findEndpoint(request.method, { path: target.path, family: family.name })
  const type = record.bodyType
  const demand =
    bodyKind(type) === 'parts'
      ? createFormDemandMeter(endpoint, type?.boundary)
      : createDemandMeter(endpoint)
  const body = await readInboundBody(raw, reply.raw, {
    type,
    reading: record.reading,
    demand,
    memory,
    limitBytes: record.policy.bodyLimitBytes,
    isModelChecked: mustKnowModel(client),
  })
  record.reading = undefined
  const { model, stream } = body.fields
  if (model !== undefined) record.model = model
  if (stream !== undefined) record.isStream = stream
  if (!isRead(request.method)) checkModel(client, target, body.fields)

  const fields = family.name === 'mj' ? withoutModel(body.fields) : body.fields
  const outgoing = withUsage(body, endpoint)
  const isWhole = outgoing.content === null || Buffer.isBuffer(outgoing.content)
  // What is whole has been measured, and its meter is not kept for as long as a stream takes.
  const asked = demand.read()
  const readDemand = isWhole ? (): Demand => asked : demand.read
  const meter = createMeter({ endpoint, demand: readDemand })
  const sent = withoutTokenInQuery(request, target)
  return {
    ...outgoing,
    client,
    target: sent,
    family,
    endpoint,
    fields,
    isWhole,
    demand: readDemand,
    meter,
  }
}

/** Most requests have no query to look through. */
function withoutTokenInQuery({ raw, record }: FastifyRequest, target: Target): Target {
  if (target.search === '') return target
  const presented = presentedBy(record, raw.headers)
  const search = withoutTokens(target.search, { presented, isToken: record.policy.isToken })
  return { ...target, search }
}

/** Midjourney reads none: what a client calls its task is not what it costs. */
function withoutModel(fields: InboundBody['fields']): InboundBody['fields'] {
  const { model: _, ...others } = fields
  return others
}

type Outgoing = Pick<Call, 'content' | 'length' | 'isUsageAdded'>

/** The body to send: a stream of talk is asked for its usage. */
function withUsage(body: InboundBody, endpoint: Endpoint): Outgoing {
  const { content, length, fields, layout, account } = body
  const isTalk = endpoint === 'chat' || endpoint === 'completions'
  const isAsked = isTalk && fields.stream === true && layout !== undefined
  if (!isAsked || !Buffer.isBuffer(content)) return { content, length, isUsageAdded: false }
  const asking = askForUsage(content, layout)
  if (typeof asking === 'string') throw new KeystowError('invalidBody', { message: asking })
  const { content: asked, isAdded: isUsageAdded } = asking
  if (asked !== content) {
    // For a moment there are two of them.
    account?.hold(content.buffer.byteLength + asked.length)
    account?.hold(asked.length)
  }
  return { content: asked, length: asked.length, isUsageAdded }
}
