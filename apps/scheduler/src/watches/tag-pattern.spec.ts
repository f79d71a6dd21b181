import { describe, expect, it } from 'vitest'
import { isWatchedTag } from './tag-pattern.js'

describe('isWatchedTag', () => {
  it.each([
    ['takes every tag for a star', 'v1.2.3', ['*'], true],
    ['takes what begins alike', 'v1.2.3', ['v1.*'], true],
    ['takes a dot as a dot', 'v1x2', ['v1.2'], false],
    ['takes the whole tag, not a part', 'latest-debug', ['latest'], false],
    ['takes one pattern of many', 'edge', ['latest', 'edge'], true],
    ['finds parts between stars in their order', 'v1-rc2-arm', ['v*-rc*-*'], true],
    ['does not find them in another order', 'v1-arm-rc', ['*rc*arm'], false],
    ['does not use a character twice', 'aba', ['ab*ba'], false],
    ['tries no way twice, however many stars', 'a'.repeat(128), [`${'*a'.repeat(60)}b`], false],
  ])('%s', (_sentence, tag, patterns, expected) => {
    expect(isWatchedTag(tag, patterns)).toBe(expected)
  })
})
