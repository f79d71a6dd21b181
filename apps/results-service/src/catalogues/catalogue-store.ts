import type { Readable } from 'node:stream'
import { Inject, Injectable } from '@nestjs/common'
import { type CataloguerIdentity, PharosError } from '@pharos/contracts'
import { oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { SBOM_STORAGE, type SbomStorageStrategy } from './sbom-storage-strategy.js'

/** Largest SBOM, compressed: 20 times that of a full Debian with all its file lists. */
const limitCatalogueBytes = 64 * 1024 * 1024
const gzipMagic = Buffer.from([0x1f, 0x8b])

/** A kept SBOM. */
export interface StoredCatalogue {
  readonly id: string
  readonly sizeBytes: number
  readonly createdAt: Date
  readonly identity: CataloguerIdentity
}

interface CatalogueRow {
  id: string
  size_bytes: string
  created_at: Date
  cataloguer: string
  version: string
  configuration: string
}

/** Full SBOMs as gzip of syft-json, one a digest x cataloguer version x configuration. */
@Injectable()
export class CatalogueStore {
  constructor(
    private readonly database: Database,
    @Inject(SBOM_STORAGE) private readonly storage: SbomStorageStrategy,
  ) {}

  async has(tx: SqlRunner, digest: string, identity: CataloguerIdentity): Promise<boolean> {
    return (await this.find(tx, digest, identity)) !== null
  }

  /** The catalogue of an identity, or the newest one without; null when none is kept. */
  async find(runner: SqlRunner, digest: string, identity: CataloguerIdentity | null): Promise<StoredCatalogue | null> {
    const row = await oneRow<CatalogueRow>(
      runner,
      `select * from catalogue where digest = $1 and ($2::text is null or (cataloguer, version, configuration) = ($2, $3::text, $4::text)) order by created_at desc, id limit 1`,
      [digest, identity?.cataloguer ?? null, identity?.version ?? null, identity?.configuration ?? null],
    )
    if (row === null) return null
    const { cataloguer, version, configuration } = row
    return { id: row.id, sizeBytes: Number(row.size_bytes), createdAt: row.created_at, identity: { cataloguer, version, configuration } }
  }

  /** The bytes of a catalogue, gzip of syft-json; null when none is kept. */
  async read(digest: string, identity: CataloguerIdentity | null): Promise<Readable | null> {
    const found = await this.find(this.database.runner, digest, identity)
    return found === null ? null : this.open(found)
  }

  open(catalogue: StoredCatalogue): Readable {
    return this.storage.read(catalogue.id, catalogue.sizeBytes)
  }

  /** Stores a catalogue in place of a former one of the same identity. Throws `sbom-invalid` for what is not gzip. */
  async put(upload: { digest: string; identity: CataloguerIdentity; body: AsyncIterable<Uint8Array> }): Promise<void> {
    const { digest, identity, body } = upload
    // Not run again after a deadlock: the stream is used up.
    await this.database.inTransaction(
      async (tx) => {
        const row = await oneRow<{ id: string }>(
          tx,
          `insert into catalogue (digest, cataloguer, version, configuration, size_bytes) values ($1, $2, $3, $4, 0)
           on conflict (digest, cataloguer, version, configuration) do update set created_at = date_trunc('milliseconds', now()) returning id`,
          [digest, identity.cataloguer, identity.version, identity.configuration],
        )
        if (row === null) throw new PharosError('internal-error', 'A catalogue row was not returned.')
        const sizeBytes = await this.storage.write(tx, row.id, requireGzip(body), limitCatalogueBytes)
        await tx.query('update catalogue set size_bytes = $2 where id = $1', [row.id, sizeBytes])
      },
      { retrySerialization: false },
    )
  }

  /** Removes catalogues by their ids. */
  async removeById(tx: Transaction, ids: readonly string[]): Promise<void> {
    await tx.query('delete from catalogue where id = any ($1::uuid[])', [ids])
    await this.storage.remove(tx, ids)
  }

  /** Removes all catalogues of a digest. */
  async remove(tx: Transaction, digest: string): Promise<void> {
    const removed = await rows<{ id: string }>(tx, 'delete from catalogue where digest = $1 returning id', [digest])
    await this.storage.remove(
      tx,
      removed.map(({ id }) => id),
    )
  }
}

async function* requireGzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let head = Buffer.alloc(0)
  for await (const bytes of source) {
    if (head.byteLength >= gzipMagic.byteLength) {
      yield bytes
      continue
    }
    head = Buffer.concat([head, bytes])
    if (head.byteLength < gzipMagic.byteLength) continue
    if (!head.subarray(0, 2).equals(gzipMagic)) break
    yield head
  }
  if (!head.subarray(0, 2).equals(gzipMagic)) throw new PharosError('sbom-invalid', 'A catalogue is sent as gzip.')
}
