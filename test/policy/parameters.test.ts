import { describe, expect, it } from 'vitest'

import { parseMediaType } from '../../src/policy/parameters.ts'

describe('a media type', () => {
  it.each([
    ['application/json', 'application/json', undefined, undefined],
    ['Application/JSON; Charset=UTF-8', 'application/json', undefined, 'utf-8'],
    ['application/json;charset="utf-8";', 'application/json', undefined, 'utf-8'],
    ['application/json ; ; v=1', 'application/json', undefined, undefined],
    ['text/plain;format=flowed;x="a;b, c"', 'text/plain', undefined, undefined],
  ])('%j is read', (text, essence, boundary, charset) => {
    expect(parseMediaType(text)).toEqual({ essence, boundary, charset })
  })

  it.each([
    ['curl', '------------------------d74496d66958873e'],
    ['WebKit and Chromium', '----WebKitFormBoundary7MA4YWxkTrZu0gW'],
    ['Firefox', '----geckoformboundary8a5c2f7b'],
    ['undici', '----formdata-undici-043819302914'],
    ['form-data', '--------------------------735323031399963166993862'],
    ['requests', '2b8d4b0c9f8f4b8f9d3d2f1e0a9b8c7d'],
    ['Java examples', '*****'],
    ['Perl', 'xYzZY'],
  ])('has the boundary that %s writes', (_writer, boundary) => {
    const essence = 'multipart/form-data'
    for (const written of [`; boundary=${boundary}`, `;charset=utf-8;boundary="${boundary}"`]) {
      expect(parseMediaType(essence + written)).toMatchObject({ essence, boundary })
    }
  })

  it('has a quoted boundary that is no token', () => {
    const text = 'multipart/form-data; boundary="===============12: 3=="'
    expect(parseMediaType(text)?.boundary).toBe('===============12: 3==')
  })

  const form = (rest: string): string => `multipart/form-data; ${rest}`
  it.each([
    '',
    'json',
    'application/',
    'application/json, multipart/form-data; boundary=b',
    'application/json x',
    'application/json; charset',
    'application/json; charset=',
    'application/json; charset=utf-8 x',
    'application/json; charset=utf-8; CHARSET=utf-16',
    "application/json; charset*=utf-8''utf-16",
    'application/json; a="b',
    'application/json; a="b\\"c"',
    'application/json; a=b"c"',
    form('boundary=b; boundary=c'),
    form('boundary=b; BOUNDARY=c'),
    form('boundary=b; boundary=b'),
    form("boundary=b; boundary*=utf-8''c"),
    form('boundary*0=b; boundary*1=c'),
    form('boundary=b; boundary*0=c'),
    form('boundary=b; x=boundary'),
    form('boundary=b; x="; boundary=c"'),
    form('xboundary=b; boundary=c'),
    form('boundary =b'),
    form('boundary= b'),
    form('boundary="b'),
    form('boundary=b"'),
    form('boundary="b\\c"'),
    form('boundary="b;c"'),
    form('boundary=b,c'),
    form('boundary="b,c"'),
    form('boundary="xboundary=c"'),
    form('boundary="b "'),
    form('boundary=" b"'),
    form('boundary=""'),
    form('boundary='),
    form(`boundary=${'b'.repeat(71)}`),
    form('boundary="b\tc"'),
    form('boundary="b\xe9"'),
    'multipart/x-boundary; boundary=b',
  ])('%j is none that is read in one way only', (text) => {
    expect(parseMediaType(text)).toBeUndefined()
  })
})
