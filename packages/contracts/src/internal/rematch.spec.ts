import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { exampleOf } from '../schema.js'
import { GenerationRef } from './attempt.js'
import { ClaimedRematchChunk, PackageChunkResults } from './rematch.js'

/** Among so many, each digit stands in each place. */
const hashes = Array.from({ length: 500 }, (_value, number) =>
  createHash('sha256')
    .update(String(number))
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12}).*$/, '$1-$2-$3-$4-$5'),
)

describe('the contract of re-matches', () => {
  it('carries every hash of contents, whatever its bits are', () => {
    const open = hashes.map((hash): [string, string] => [hash, hash])
    const claim = {
      outcome: 'claimed',
      rematchId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
      chunk: 1,
      token: 't',
      leaseMs: 1,
      generation: exampleOf(GenerationRef),
      kind: 'packages',
      formerGeneration: null,
      units: [{ id: 1, input: '{}', open }],
    }
    expect(ClaimedRematchChunk.parse(claim)).toEqual(claim)

    const vulnerabilities = hashes.map((key) => ({ key, document: null }))
    const matches = hashes.map((contentHash, vulnerability) => ({ unit: 1, vulnerability, contentHash, content: null }))
    const results = { kind: 'packages', engineVersion: '1', skipped: [], failed: [], vulnerabilities, matches }
    expect(PackageChunkResults.parse(results)).toEqual(results)
  })
})
