import { WANT, type Want } from './scan/json-reader.ts'

/**
 * Of an endpoint whose members nobody here knows every text counts, but for what is no text that a model reads or
 * says: names, kinds, states, links and what is encoded.
 */
export const NO_TEXTS: readonly string[] = [
  'id',
  'object',
  'type',
  'event',
  'model',
  'role',
  'status',
  'user',
  'finish_reason',
  'stop_reason',
  'stop_sequence',
  'system_fingerprint',
  'service_tier',
  'obfuscation',
  'signature',
  'encrypted_content',
  'b64_json',
  'embedding',
  'embeddings',
  'token',
  'bytes',
  'url',
  'image_url',
  'image',
  'images',
  'audio',
  'file_id',
  'file_data',
  'media_type',
  'mime_type',
  'mimeType',
  'data',
]

const NAMES: ReadonlySet<string> = new Set(NO_TEXTS)

/** What is wanted of a member of such an endpoint. An outermost `data` may be a text; a deeper one is a file. */
export function wantAnyText(name: string, depth: number): Want {
  const isFile = name !== 'data' || depth > 1
  return NAMES.has(name) && isFile ? WANT.NOTHING : WANT.TEXT
}
