import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isWithinScope, likePattern, matchesGlob } from './repository-scope.js'

describe('matchesGlob', () => {
  it.each([
    ['registry.example/team-a/*', 'registry.example/team-a/shop', true],
    ['registry.example/team-a/*', 'registry.example/team-ab/shop', false],
    ['docker.io/library/alpine', 'docker.io/library/alpine', true],
    ['docker.io/library/alpine', 'docker.io/library/alpine2', false],
    ['*/shop', 'registry.example/team-a/shop', true],
    ['a*b*b', 'ab', false],
    ['a*b*b', 'abb', true],
    ['*', '', true],
    ['aa*aa', 'aaa', false],
  ])('%s on %s is %s', (pattern, text, expected) => {
    expect(matchesGlob(pattern, text)).toBe(expected)
  })
})

describe('likePattern', () => {
  it('takes the signs of LIKE literally', () => {
    expect(likePattern(String.raw`a_b%c\d*`)).toBe(String.raw`a\_b\%c\\d%`)
  })
})

describe('isWithinScope', () => {
  it.each([
    [null, ['x/*'], true],
    [['x/*'], null, false],
    [['x/*'], ['x/a/*'], true],
    [['x/a/*'], ['x/*'], false],
    [['x/*', 'y'], ['y', 'x/z'], true],
    [[], ['y'], false],
  ])('holding %j and wanting %j is %s', (held, wanted, expected) => {
    expect(isWithinScope(held, wanted)).toBe(expected)
  })

  it('never hands on what the holder cannot see', () => {
    const glob = fc.array(fc.constantFrom('a', 'b', '*'), { maxLength: 6 }).map((parts) => parts.join(''))
    const text = fc.array(fc.constantFrom('a', 'b'), { maxLength: 8 }).map((parts) => parts.join(''))
    fc.assert(
      fc.property(
        glob,
        glob,
        text,
        (held, wanted, seen) => !isWithinScope([held], [wanted]) || !matchesGlob(wanted, seen) || matchesGlob(held, seen),
      ),
      { numRuns: 2000 },
    )
  })
})
