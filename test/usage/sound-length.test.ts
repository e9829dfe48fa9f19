import { describe, expect, it } from 'vitest'

import { createMp3, createPcm, createWav } from '../../src/demo/sound.ts'
import { createSoundLength } from '../../src/usage/sound-length.ts'

function measure(sound: Buffer, contentType: string, pieceBytes = sound.length): number {
  const length = createSoundLength(contentType)
  for (let at = 0; at < sound.length; at += pieceBytes) {
    length.write(sound.subarray(at, at + pieceBytes))
  }
  return length.readMs()
}

describe('the length of a sound', () => {
  it.each<[string, Buffer, string]>([
    ['PCM', createPcm(2), 'audio/pcm'],
    ['WAV', createWav(2), 'audio/wav'],
    ['WAV under another name', createWav(2), 'application/octet-stream'],
    ['MP3 at its own rate', createMp3(2), 'audio/mpeg'],
  ])('is that of %s, however it is cut', (_what, sound, type) => {
    for (const piece of [1, 7, 1000, sound.length]) {
      const ms = measure(sound, type, piece)
      expect(ms).toBeGreaterThan(1980)
      expect(ms).toBeLessThan(2060)
    }
  })

  it('is read from MPEG 2, in which OpenAI speaks', () => {
    const frames = Buffer.alloc(40_000)
    frames.set([0xff, 0xf3, 0xe4, 0xc4]) // 160 kbit/s
    expect(measure(frames, 'audio/mpeg')).toBe(2000)
  })

  it.each([
    ['audio/mpeg', 1000],
    ['audio/ogg', 2667],
    ['audio/flac', 572],
    ['', 1000],
  ])('is guessed from the bytes of %s', (type, ms) => {
    expect(measure(Buffer.alloc(16_000), type)).toBe(ms)
  })

  it('is none of nothing, and never less', () => {
    expect(measure(Buffer.alloc(0), 'audio/wav', 1)).toBe(0)
    expect(measure(createWav(0), 'audio/wav')).toBe(0)
  })

  it.each([0, 1, 0xffffffff])('does not believe a rate of %i', (rate) => {
    const lie = createWav(1)
    lie.writeUInt32LE(rate, 28)
    expect(measure(lie, 'audio/wav')).toBe(1000)
  })
})
