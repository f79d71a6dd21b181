import { DatabaseGeneration, exampleOf } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { whyNotNeeded } from './database-update.service.js'

const known = { ...exampleOf(DatabaseGeneration), builtAt: '2026-11-20T00:00:00.000Z', checksum: 'b'.repeat(64) }
const offered = {
  schemaVersion: 'v6.1.10',
  builtAtMs: Date.parse('2026-11-21T00:00:00.000Z'),
  archiveUrl: 'https://feed.example/a',
  sha256: 'a'.repeat(64),
  fileName: 'a',
}

describe('whyNotNeeded', () => {
  it.each([
    ['wants a newer database', offered, [known], null],
    ['wants the first database', offered, [], null],
    ['knows a database by its checksum', { ...offered, sha256: known.checksum }, [known], 'the newest database is known'],
    ['leaves an older one', { ...offered, builtAtMs: 0 }, [known], 'the feed offers nothing newer than what is here'],
    ['wants one when nothing is known of the age of what is here', offered, [{ ...known, builtAt: null }], null],
  ])('%s', (_sentence, offer, generations, expected) => {
    expect(whyNotNeeded(offer, generations)).toBe(expected)
  })
})
