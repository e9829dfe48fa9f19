import { randomBytes } from 'node:crypto'

import { type Answer, bytesAnswer } from './answer.ts'
import { DemoError } from './demo-error.ts'
import type { DemoRequest } from './demo-request.ts'
import { findField } from './multipart.ts'

/** POST /v1/realtime/calls: an SDP offer, raw or as a field of a form, is answered with one that refuses the media. */
export function answerRealtimeCall({ body, form, headers }: DemoRequest): Answer {
  const isSdp = /^application\/sdp/i.test(headers['content-type'] ?? '')
  const offer = isSdp ? body.toString() : (findField(form, 'sdp') ?? '')
  if (!offer.startsWith('v=0')) throw new DemoError(400, 'The body is not an SDP offer.')
  const callId = `rtc_${randomBytes(12).toString('hex')}`
  const answer = [
    'v=0',
    'o=- 1 1 IN IP4 127.0.0.1',
    's=demo upstream',
    't=0 0',
    `a=x-demo-offer-bytes:${Buffer.byteLength(offer)}`,
    'm=audio 0 UDP/TLS/RTP/SAVPF 111',
    'a=inactive',
    '',
  ].join('\r\n')
  return bytesAnswer(Buffer.from(answer), {
    status: 201,
    contentType: 'application/sdp',
    headers: { location: `/v1/realtime/calls/${callId}` },
  })
}
