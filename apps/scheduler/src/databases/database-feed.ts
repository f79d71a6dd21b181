import { PharosError } from '@pharos/contracts'
import { z } from 'zod'

/** Grype's listing of its newest database (grype db, schema v6: latest.json). Fields that are not needed are passed over. */
const FeedListing = z.object({
  status: z.string().optional(),
  schemaVersion: z.string(),
  built: z.string(),
  path: z.string().min(1).max(1000),
  checksum: z.string().regex(/^sha256:[a-f0-9]{64}$/),
})

/** A database that a feed offers. */
export interface OfferedDatabase {
  schemaVersion: string
  builtAtMs: number
  archiveUrl: string
  /** SHA-256 of the archive, hex. */
  sha256: string
  fileName: string
}

/**
 * Reads a listing. The archive must lie on the listing's own host: a listing that leads elsewhere is refused.
 * @throws PharosError `database-feed-invalid`
 */
export function readListing(feedUrl: string, body: unknown): OfferedDatabase {
  const parsed = FeedListing.safeParse(body)
  if (!parsed.success)
    throw new PharosError(
      'database-feed-invalid',
      `The listing at ${feedUrl} is not one of Grype's: ${parsed.error.issues[0]?.path.join('.')} ${parsed.error.issues[0]?.message}`,
    )
  const { built, checksum, path, schemaVersion } = parsed.data
  const builtAtMs = Date.parse(built)
  const archiveUrl = new URL(path, feedUrl)
  if (Number.isNaN(builtAtMs)) throw new PharosError('database-feed-invalid', `The listing at ${feedUrl} has no readable build time.`)
  if (archiveUrl.host !== new URL(feedUrl).host)
    throw new PharosError('database-feed-invalid', `The listing at ${feedUrl} leads to another host.`)
  return {
    schemaVersion,
    builtAtMs,
    archiveUrl: archiveUrl.href,
    sha256: checksum.slice('sha256:'.length),
    fileName: path.split(/[/?]/).find((part) => part.includes('.tar')) ?? 'database.tar.zst',
  }
}
