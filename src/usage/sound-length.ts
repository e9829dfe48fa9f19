/** Knows how long a sound is from its bytes, without decoding it. */
export interface SoundLength {
  write(chunk: Buffer): void
  /** Milliseconds of what has come by now. */
  readMs(): number
}

/** What a second takes where the sound itself does not say: speech as OpenAI encodes it. */
const BYTES_PER_SECOND: readonly (readonly [RegExp, number])[] = [
  [/pcm|wav|l16/, 48_000], // 24 kHz, 16 bits, mono
  [/flac/, 28_000],
  [/ogg|opus|webm/, 6_000],
  [/mpeg|mp3|aac|mp4/, 16_000],
]
const OTHER_BYTES_PER_SECOND = 16_000
/** A rate beyond these is a lie, or no rate. */
const LEAST_BYTES_PER_SECOND = 1_000
const MOST_BYTES_PER_SECOND = 1_000_000

/** Enough for the header of a WAV file, or for the first frame of MP3 behind no tags. */
const HEAD_BYTES = 44
/** In RIFF WAVE's `fmt ` chunk. */
const WAV_RATE_AT = 28

/** Kilobits a second by the index in a frame's header (ISO 11172-3 and 13818-3, layer III). */
const MPEG_1_RATES = [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 0]
const MPEG_2_RATES = [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160, 0]

/** Of a sound with this content type. MP3 is taken to keep the rate of its first frame. */
export function createSoundLength(contentType: string): SoundLength {
  let head = Buffer.alloc(0)
  let bytes = 0
  return {
    write(chunk) {
      bytes += chunk.length
      if (head.length === HEAD_BYTES) return
      head = Buffer.concat([head, chunk.subarray(0, HEAD_BYTES - head.length)])
    },
    readMs() {
      const isWav = head.length === HEAD_BYTES && head.toString('latin1', 0, 4) === 'RIFF'
      const told = isWav ? head.readUInt32LE(WAV_RATE_AT) : findMp3Rate(head)
      const isTrue = told >= LEAST_BYTES_PER_SECOND && told <= MOST_BYTES_PER_SECOND
      const sound = isWav ? bytes - HEAD_BYTES : bytes
      return Math.ceil((sound * 1000) / (isTrue ? told : guessRate(contentType)))
    },
  }
}

function guessRate(contentType: string): number {
  const type = contentType.toLowerCase()
  return BYTES_PER_SECOND.find(([name]) => name.test(type))?.[1] ?? OTHER_BYTES_PER_SECOND
}

/** Bytes a second from a frame header that begins the sound; 0 when none does. */
function findMp3Rate(head: Buffer): number {
  const [sync = 0, version = 0, rates = 0] = head
  const isLayer3 = sync === 0xff && (version & 0xe6) === 0xe2
  if (!isLayer3) return 0
  const isMpeg1 = (version & 0x18) === 0x18
  return ((isMpeg1 ? MPEG_1_RATES : MPEG_2_RATES)[rates >> 4] ?? 0) * 125
}
