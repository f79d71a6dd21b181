import { describe, expect, it } from 'vitest'
import { isInternalAddress, parseAddressRanges } from './address-policy.js'

describe('isInternalAddress', () => {
  it.each([
    '127.0.0.1',
    '127.255.255.254',
    '0.0.0.0',
    '10.1.2.3',
    '172.16.0.1',
    '172.31.255.255',
    '192.168.1.1',
    '169.254.169.254',
    '100.64.0.1',
    '224.0.0.1',
    '255.255.255.255',
    '198.18.0.1',
    '::',
    '::1',
    'fc00::1',
    'fd12:3456::1',
    'fe80::1',
    'fe80::1%eth0',
    'ff02::1',
    '::ffff:127.0.0.1',
    '::ffff:7f00:1',
    '::ffff:169.254.169.254',
    '0:0:0:0:0:ffff:a00:1',
    '::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::10.0.0.1',
    '2002:7f00:1::',
    '2001:0:1::',
    'fec0::1',
    'not an address',
    '',
  ])('is so for %s', (address) => {
    expect(isInternalAddress(address)).toBe(true)
  })

  it.each(['8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1111', '::ffff:8.8.8.8', '64:ff9b::808:808', '1.1.1.1'])(
    'is not so for %s',
    (address) => {
      expect(isInternalAddress(address)).toBe(false)
    },
  )
})

describe('parseAddressRanges', () => {
  it('holds what its ranges cover, in any spelling', () => {
    const ranges = parseAddressRanges(['10.20.0.0/16', 'fd00::/8', '192.168.7.7'])
    expect(['10.20.255.1', '::ffff:10.20.0.1', 'fd00::5', '192.168.7.7'].map((address) => ranges.has(address))).toEqual([
      true,
      true,
      true,
      true,
    ])
    expect(['10.21.0.1', 'fe80::1', '192.168.7.8', ''].map((address) => ranges.has(address))).toEqual([false, false, false, false])
  })

  it.each(['10.0.0.0/33', 'x', '10.0.0.0/', '10.0.0/8', '::/129'])('refuses %s', (entry) => {
    expect(() => parseAddressRanges([entry])).toThrow(RangeError)
  })
})
