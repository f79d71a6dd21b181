import { PharosError } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { readListing } from './database-feed.js'

const feedUrl = 'https://feed.example/databases/v6/latest.json'
const listing = {
  status: 'active',
  schemaVersion: 'v6.1.10',
  built: '2026-11-23T05:00:00Z',
  path: 'vulnerability-db_v6.1.10_2026.tar.zst',
  checksum: `sha256:${'a'.repeat(64)}`,
  extra: 1,
}

describe('a listing', () => {
  it('names the archive beside it', () => {
    expect(readListing(feedUrl, listing)).toEqual({
      schemaVersion: 'v6.1.10',
      builtAtMs: Date.parse('2026-11-23T05:00:00Z'),
      sha256: 'a'.repeat(64),
      fileName: 'vulnerability-db_v6.1.10_2026.tar.zst',
      archiveUrl: 'https://feed.example/databases/v6/vulnerability-db_v6.1.10_2026.tar.zst',
    })
  })

  it.each([
    ['is not JSON', '<html>'],
    ['has no checksum', { ...listing, checksum: undefined }],
    ['has a checksum of another kind', { ...listing, checksum: 'md5:0' }],
    ['leads to another host', { ...listing, path: 'https://elsewhere.example/db.tar.zst' }],
    ['leads to another host without a scheme', { ...listing, path: '//elsewhere.example/db.tar.zst' }],
    ['has no readable build time', { ...listing, built: 'yesterday' }],
  ])('that %s is refused', (_sentence, body) => {
    expect(() => readListing(feedUrl, body)).toThrow(PharosError)
  })
})
