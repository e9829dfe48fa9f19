import { once } from 'node:events'

import { type BodyAnswer, textAnswer } from './answer.ts'
import type { ChosenBehaviour } from './behaviours.ts'
import { statusAnswer } from './demo-error.ts'
import type { Exchange } from './exchange.ts'
import { pause } from './send.ts'

/** `.invalid` never resolves (RFC 2606): who follows it does not get far. */
const OTHER_ORIGIN = 'https://other-origin.invalid'
const HTML_PAGE =
  '<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>\r\n<center><h1>502 Bad Gateway</h1></center>\r\n</body>\r\n</html>\r\n'

/**
 * What a behaviour does before the endpoint is asked: an answer that stands instead of the endpoint's, `gone`
 * when the connection has ended without one, undefined to go on.
 */
export async function applyEarlyFault(
  { response, received, gone, reset }: Exchange,
  { name, amount }: ChosenBehaviour,
): Promise<BodyAnswer | 'gone' | undefined> {
  switch (name) {
    case 'demo-reset-before-headers':
      reset()
      return 'gone'
    case 'demo-hang':
      if (!gone.aborted) await once(gone, 'abort')
      return 'gone'
    case 'demo-slow-first-byte-<ms>':
      await pause(amount, gone)
      return undefined
    case 'demo-early-hints':
    case 'demo-early-hints-103':
      if (name === 'demo-early-hints') response.writeContinue()
      response.writeEarlyHints({ link: '</demo.css>; rel=preload; as=style' })
      return undefined
    case 'demo-html-502':
      return textAnswer(HTML_PAGE, { status: 502, contentType: 'text/html' })
    case 'demo-redirect': {
      const headers = { location: OTHER_ORIGIN + received.path }
      return textAnswer('Temporary Redirect', { status: 307, headers })
    }
    case 'demo-status-<code>':
      return statusAnswer(amount)
    default:
      return undefined
  }
}
