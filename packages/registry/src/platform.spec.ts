import { describe, expect, it } from 'vitest'
import { formatPlatform, parsePlatform, platformDistance } from './platform.js'

describe('parsePlatform', () => {
  it.each([
    ['linux/amd64', 'linux/amd64'],
    ['linux/x86_64', 'linux/amd64'],
    ['Linux/AMD64', 'linux/amd64'],
    ['linux/amd64/v1', 'linux/amd64'],
    ['linux/arm64/v8', 'linux/arm64'],
    ['linux/aarch64', 'linux/arm64'],
    ['linux/arm', 'linux/arm/v7'],
    ['linux/arm/6', 'linux/arm/v6'],
    ['linux/armhf', 'linux/arm/v7'],
    ['linux/armel', 'linux/arm/v6'],
    ['linux/i386', 'linux/386'],
    ['macos/arm64', 'darwin/arm64'],
    ['linux/amd64/v3', 'linux/amd64/v3'],
  ])('reads %s as %s', (text, expected) => {
    expect(formatPlatform(parsePlatform(text))).toBe(expected)
  })

  it.each([
    '',
    'linux',
    'linux/',
    '/amd64',
    'linux/amd64/v8/x',
    'linux/am d64',
    'linux/quantum',
    'toaster/amd64',
    'linux/ämd64',
    `linux/${'a'.repeat(100)}`,
    '-o/amd64',
  ])('refuses "%s"', (text) => {
    expect(() => parsePlatform(text)).toThrow(expect.objectContaining({ code: 'platform-invalid' }))
  })
})

describe('platformDistance', () => {
  it.each<[string, string, string, number | null]>([
    ['the same', 'linux/amd64', 'linux/amd64', 0],
    ['another spelling', 'linux/arm64', 'linux/arm64/v8', 0],
    ['an older arm', 'linux/arm/v7', 'linux/arm/v6', 1],
    ['a newer arm does not run', 'linux/arm/v6', 'linux/arm/v7', null],
    ['the base of a newer amd64', 'linux/amd64/v3', 'linux/amd64', 2],
    ['another architecture', 'linux/amd64', 'linux/arm64', null],
    ['another system', 'linux/amd64', 'windows/amd64', null],
  ])('%s', (_name, wanted, offered, expected) => {
    expect(platformDistance(parsePlatform(wanted), parsePlatform(offered))).toBe(expected)
  })
})
