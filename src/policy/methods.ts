/** Methods that are forwarded. TRACE and CONNECT never: an upstream echoes a TRACE, credential and all. */
export const FORWARDED_METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
]

/** Methods whose body has no meaning (RFC 9110 section 9.3). */
export const isRead = (method: string | undefined): boolean => method === 'GET' || method === 'HEAD'
