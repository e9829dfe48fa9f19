import { describe, expect, it } from 'vitest'

import { addressKey, createTrustedProxies, parseAddress } from '../../src/clients/address.ts'

describe('parseAddress', () => {
  it.each([
    ['203.0.113.1', '203.0.113.1'],
    [' 203.0.113.1 ', '203.0.113.1'],
    ['203.0.113.1:443', '203.0.113.1'],
    ['203.0.113.1:', '203.0.113.1'],
    ['2001:DB8::1', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]:', '2001:db8::1'],
    ['::ffff:203.0.113.1', '203.0.113.1'],
    ['::ffff:cb00:7101', '203.0.113.1'],
    ['::FFFF:CB00:7101', '203.0.113.1'],
    ['0:0:0:0:0:ffff:203.0.113.1', '203.0.113.1'],
    ['[0000:0000::ffff:cb00:7101]:443', '203.0.113.1'],
    ['::1', '::1'],
    ['::203.0.113.1', '::203.0.113.1'],
    ['::ffff:0:cb00:7101', '::ffff:0:cb00:7101'],
    ['fe80::1%eth0', 'fe80::1'],
    ['', undefined],
    ['unknown', undefined],
    ['203.0.113.1:443:1', undefined],
    ['203.0.113', undefined],
  ])('reads %j as %j', (text, address) => {
    expect(parseAddress(text)).toBe(address)
  })
})

describe('addressKey', () => {
  it.each([
    ['203.0.113.1:1', '203.0.113.1'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['2001:db8:0:0:ffff::', '2001:db8:0:0::/64'],
    ['2001:0db8:0000:0001::1', '2001:db8:0:1::/64'],
    ['64:ff9b::203.0.113.1', '64:ff9b:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
    ['nonsense', 'unknown'],
  ])('groups %s as %s', (text, key) => {
    expect(addressKey(text)).toBe(key)
  })
})

describe('createTrustedProxies', () => {
  it('knows addresses and CIDRs of both families, with and without a port', () => {
    const isTrusted = createTrustedProxies(['10.0.0.0/8', '192.0.2.1', '2001:db8::/32'])
    expect(isTrusted('10.1.2.3')).toBe(true)
    expect(isTrusted('10.1.2.3:80')).toBe(true)
    expect(isTrusted('::ffff:10.1.2.3')).toBe(true)
    expect(isTrusted('192.0.2.1')).toBe(true)
    expect(isTrusted('192.0.2.2')).toBe(false)
    expect(isTrusted('[2001:db8::9]:443')).toBe(true)
    expect(isTrusted('')).toBe(false)
  })

  it.each(['true', '1', 'loopback', '10.0.0.0/33', '10.0.0.0/8/9', '10.0.0.0/', '::/129'])(
    'refuses %s',
    (entry) => {
      expect(() => createTrustedProxies([entry])).toThrow(`"${entry}" is not an address or CIDR`)
    },
  )
})
