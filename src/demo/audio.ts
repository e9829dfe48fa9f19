import { type Answer, bytesAnswer, jsonAnswer, textAnswer } from './answer.ts'
import { DemoError } from './demo-error.ts'
import { type DemoRequest, findString, missing, requireModel } from './demo-request.ts'
import { findField, findFile } from './multipart.ts'
import { createMp3, createPcm, createWav } from './sound.ts'
import { countTokens } from './tokens.ts'

const SECONDS_PER_TOKEN = 0.2
const BYTES_PER_SECOND_GUESS = 16_000

const SPEECH_TYPES: Readonly<Record<string, string>> = {
  mp3: 'audio/mpeg',
  wav: 'audio/wav',
  pcm: 'audio/pcm',
  opus: 'audio/ogg',
  aac: 'audio/aac',
  flac: 'audio/flac',
}

/** The marks that say what a file is; behind them opus, aac and flac hold no sound here. */
const MAGIC: Readonly<Record<string, string>> = { opus: 'OggS', aac: '\u00ff\u00f1', flac: 'fLaC' }

/** POST /v1/audio/speech: silence, as long as the text. */
export function answerSpeech(request: DemoRequest): Answer {
  const model = requireModel(request)
  const input = findString(request.json, 'input')
  if (input === undefined) throw missing('input')
  const format = findString(request.json, 'response_format') ?? 'mp3'
  const contentType = SPEECH_TYPES[format]
  if (contentType === undefined) throw new DemoError(400, `Unknown response_format '${format}'.`)
  const inputTokens = countTokens(input)
  const seconds = Math.max(SECONDS_PER_TOKEN, inputTokens * SECONDS_PER_TOKEN)
  const charge = { model, inputTokens, characters: Array.from(input).length, audioSeconds: seconds }
  return bytesAnswer(createSound(format, seconds), { contentType, charge })
}

/** POST /v1/audio/transcriptions and /v1/audio/translations: tells which file came. */
export function answerTranscription(request: DemoRequest): Answer {
  const model = requireModel(request)
  const file = findFile(request.form, 'file')
  if (file === undefined) throw missing('file')
  const text = `文件 ${file.filename} 有 ${file.bytes.length} bytes; ${model} heard nothing in it 🎧`
  const outputTokens = countTokens(text)
  const audioSeconds = Math.ceil(file.bytes.length / BYTES_PER_SECOND_GUESS)
  const inputTokens = audioSeconds * 10
  const charge = { model, inputTokens, outputTokens, audioSeconds }
  const format = findField(request.form, 'response_format') ?? 'json'
  if (format === 'text') return textAnswer(`${text}\n`, { charge })
  const usage =
    model === 'whisper-1'
      ? { type: 'duration', seconds: audioSeconds }
      : {
          type: 'tokens',
          input_tokens: inputTokens,
          input_token_details: { text_tokens: 0, audio_tokens: inputTokens },
          output_tokens: outputTokens,
          total_tokens: inputTokens + outputTokens,
        }
  const verbose = { task: 'transcribe', language: 'chinese', duration: audioSeconds, segments: [] }
  return jsonAnswer({ ...(format === 'verbose_json' ? verbose : {}), text, usage }, { charge })
}

function createSound(format: string, seconds: number): Buffer {
  if (format === 'mp3') return createMp3(seconds)
  if (format === 'wav') return createWav(seconds)
  const samples = createPcm(seconds)
  return Buffer.concat([Buffer.from(MAGIC[format] ?? '', 'latin1'), samples])
}
