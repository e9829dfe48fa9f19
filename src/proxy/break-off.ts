import type { ServerResponse } from 'node:http'

/**
 * Ends an answer that is not whole. A client of HTTP/1.0 takes the end of its connection for the end of its answer, so
 * that only a reset tells it; to any other the framing says that the rest is missing, and it may read what came.
 */
export function breakOff(response: ServerResponse): void {
  if (response.useChunkedEncodingByDefault) response.destroy()
  else response.socket?.resetAndDestroy()
}
