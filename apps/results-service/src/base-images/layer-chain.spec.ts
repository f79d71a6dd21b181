import { describe, expect, it } from 'vitest'
import { baseClaimOf, isFromBase, prefixHashes } from './layer-chain.js'

const layer = (letter: string) => `sha256:${letter.repeat(64)}`
const name = 'org.opencontainers.image.base.name'
const digest = 'org.opencontainers.image.base.digest'

describe('hashes of layer prefixes', () => {
  it('are equal exactly as far as the layers are', () => {
    const [one, other] = [prefixHashes(['a', 'b', 'c'].map(layer)), prefixHashes(['a', 'b', 'd', 'c'].map(layer))]
    expect(one.slice(0, 2)).toEqual(other.slice(0, 2))
    expect(new Set([...one, ...other]).size).toBe(5)
    expect(one).toHaveLength(3)
  })

  it.each([
    ['no layers', []],
    ['something else than digests', [layer('a'), 'sha256:short\0']],
    ['more layers than any image has', Array.from({ length: 1001 }, () => layer('a'))],
  ])('are none for %s', (_case, diffIds) => {
    expect(prefixHashes(diffIds)).toEqual([])
  })
})

describe('what an image says of its base', () => {
  it.each([
    ['annotations before labels', { [name]: 'debian:12' }, { [name]: 'old' }, { reference: 'debian:12', digest: null }],
    [
      'labels where there are no annotations',
      {},
      { [name]: 'debian:12', [digest]: layer('a') },
      { reference: 'debian:12', digest: layer('a') },
    ],
    ['a digest alone', { [digest]: layer('a') }, {}, { reference: null, digest: layer('a') }],
    ['a digest that is none', { [name]: 'debian:12', [digest]: 'latest' }, {}, { reference: 'debian:12', digest: null }],
    ['nothing', { [name]: '' }, { [digest]: 'x' }, null],
    ['a text too long to be a reference', { [name]: 'x'.repeat(1025) }, {}, null],
  ])('%s', (_case, annotations, labels, claim) => {
    expect(baseClaimOf(annotations, labels)).toEqual(claim)
  })
})

describe('a layer', () => {
  it('is of the base below the number of its layers, of the image without a base, and of nobody knows whom otherwise', () => {
    expect([0, 1, 2].map((position) => isFromBase(position, 2))).toEqual([true, true, false])
    expect(isFromBase(0, 0)).toBe(false)
    expect(isFromBase(0, null)).toBeNull()
  })
})
