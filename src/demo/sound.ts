const SAMPLES_PER_SECOND = 24_000
const BYTES_PER_SAMPLE = 2
const WAV_HEADER_BYTES = 44

/** MPEG 1 layer III, 64 kbit/s, 44.1 kHz, mono, no CRC: a frame of zeros is silence. */
const MP3_FRAME_HEADER = [0xff, 0xfb, 0x50, 0xc4]
const MP3_FRAME_BYTES = 208
const MP3_FRAMES_PER_SECOND = 44_100 / 1152

/** Silence as raw little-endian samples of 16 bits, 24 kHz, mono. */
export function createPcm(seconds: number): Buffer {
  return Buffer.alloc(Math.round(seconds * SAMPLES_PER_SECOND) * BYTES_PER_SAMPLE)
}

/** The same in a RIFF WAVE file. */
export function createWav(seconds: number): Buffer {
  const samples = createPcm(seconds)
  const header = Buffer.alloc(WAV_HEADER_BYTES)
  header.write('RIFF', 0, 'latin1')
  header.writeUInt32LE(WAV_HEADER_BYTES - 8 + samples.length, 4)
  header.write('WAVEfmt ', 8, 'latin1')
  header.writeUInt32LE(16, 16)
  header.writeUInt16LE(1, 20) // PCM
  header.writeUInt16LE(1, 22) // one channel
  header.writeUInt32LE(SAMPLES_PER_SECOND, 24)
  header.writeUInt32LE(SAMPLES_PER_SECOND * BYTES_PER_SAMPLE, 28)
  header.writeUInt16LE(BYTES_PER_SAMPLE, 32)
  header.writeUInt16LE(BYTES_PER_SAMPLE * 8, 34)
  header.write('data', 36, 'latin1')
  header.writeUInt32LE(samples.length, 40)
  return Buffer.concat([header, samples])
}

/** Whole frames of silence. */
export function createMp3(seconds: number): Buffer {
  const frame = Buffer.alloc(MP3_FRAME_BYTES)
  frame.set(MP3_FRAME_HEADER)
  const frames = Math.ceil(seconds * MP3_FRAMES_PER_SECOND)
  return Buffer.concat(Array.from({ length: frames }, () => frame))
}
