import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net'

/** Addresses that a stranger's reference must not lead to. Sources: IANA special-purpose registries for IPv4 and IPv6. */
const FORBIDDEN_V4: readonly (readonly [string, number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['224.0.0.0', 4],
  ['240.0.0.0', 4],
]
/** Unspecified, loopback, translation and tunnel ranges that can hide an IPv4 address, ULA, link-local, site-local, multicast. */
const FORBIDDEN_V6: readonly (readonly [string, number])[] = [
  ['::', 96],
  ['64:ff9b:1::', 48],
  ['100::', 64],
  ['2001::', 32],
  ['2002::', 16],
  ['fc00::', 7],
  ['fe80::', 10],
  ['fec0::', 10],
  ['ff00::', 8],
]

function blockList(v4: readonly (readonly [string, number])[], v6: readonly (readonly [string, number])[]): BlockList {
  const list = new BlockList()
  for (const [network, bits] of v4) list.addSubnet(network, bits, 'ipv4')
  for (const [network, bits] of v6) list.addSubnet(network, bits, 'ipv6')
  return list
}

const FORBIDDEN = blockList(FORBIDDEN_V4, FORBIDDEN_V6)

/** The eight 16-bit groups of an IPv6 address without a zone, or null. */
function ipv6Groups(address: string): number[] | null {
  if (!isIPv6(address)) return null
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(address)
  const hex =
    dotted === null
      ? address
      : `${dotted[1]}${((Number(dotted[2]) << 8) | Number(dotted[3])).toString(16)}:${((Number(dotted[4]) << 8) | Number(dotted[5])).toString(16)}`
  const [head = '', tail] = hex.split('::')
  const headGroups = head === '' ? [] : head.split(':')
  const tailGroups = tail === undefined || tail === '' ? [] : tail.split(':')
  const zeros = tail === undefined ? 0 : 8 - headGroups.length - tailGroups.length
  return [...headGroups, ...Array<string>(zeros).fill('0'), ...tailGroups].map((group) => Number.parseInt(group, 16))
}

/** The IPv4 address inside an IPv4-mapped (::ffff:0:0/96) or NAT64 (64:ff9b::/96) address: what is dialled in truth. */
function embeddedIpv4(address: string): string | null {
  const groups = ipv6Groups(address)
  if (groups === null) return null
  const [a, b, c, d, e, f, high = 0, low = 0] = groups
  const isZero = c === 0 && d === 0 && e === 0
  const isMapped = a === 0 && b === 0 && isZero && f === 0xffff
  const isNat64 = a === 0x64 && b === 0xff9b && isZero && f === 0
  return isMapped || isNat64 ? `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}` : null
}

/** The address as the checks see it: without zone and brackets, IPv4 taken out of its IPv6 clothing. */
function canonical(address: string): string {
  const bare = address.replace(/^\[|\]$/g, '').split('%')[0] ?? ''
  return embeddedIpv4(bare) ?? bare
}

/** Whether an IP address is internal: loopback, private, link-local, shared, multicast, unspecified or reserved. */
export function isInternalAddress(address: string): boolean {
  const plain = canonical(address)
  if (isIPv4(plain)) return FORBIDDEN.check(plain, 'ipv4')
  if (isIPv6(plain)) return FORBIDDEN.check(plain, 'ipv6')
  return true
}

/** A set of CIDR ranges (a bare address is a range of one). */
export interface AddressRanges {
  has(address: string): boolean
}

/** @throws RangeError when an entry is not an address or a CIDR range. */
export function parseAddressRanges(entries: readonly string[]): AddressRanges {
  const list = new BlockList()
  for (const entry of entries) {
    const [network = '', bitsText] = entry.split('/')
    const family = isIP(network)
    const most = family === 4 ? 32 : 128
    const bits = bitsText === undefined ? most : Number(bitsText)
    if (family === 0 || !Number.isInteger(bits) || bits < 0 || bits > most || bitsText === '')
      throw new RangeError(`"${entry}" is not an IP address or a CIDR range`)
    list.addSubnet(network, bits, family === 4 ? 'ipv4' : 'ipv6')
  }
  return {
    has: (address) => {
      const plain = canonical(address)
      const family = isIP(plain)
      return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6')
    },
  }
}
