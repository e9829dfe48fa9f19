/** Methods that are forwarded. TRACE and CONNECT never: an upstream echoes a TRACE, credential and all. */
export const FORWARDED_METHODS: readonly string[] = [
  'GET',
  'HEAD',
  'POST',
  'PUT',
  'PATCH',
  'DELETE',
]
