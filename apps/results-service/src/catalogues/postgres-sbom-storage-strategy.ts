import type { Readable } from 'node:stream'
import { Injectable } from '@nestjs/common'
import { Database, type Transaction } from '../database/transaction.js'
import { readChunks, writeChunks } from '../inventory/chunk-store.js'
import type { SbomStorageStrategy } from './sbom-storage-strategy.js'

/** Keeps SBOMs in PostgreSQL: one backup holds all, for fleets of some thousand images. */
@Injectable()
export class PostgresSbomStorageStrategy implements SbomStorageStrategy {
  constructor(private readonly database: Database) {}

  async write(tx: Transaction, key: string, source: AsyncIterable<Uint8Array>, limitBytes: number): Promise<number> {
    await this.remove(tx, [key])
    const { sizeBytes } = await writeChunks(tx, 'catalogue_chunk', key, source, limitBytes)
    return sizeBytes
  }

  read(key: string, sizeBytes: number): Readable {
    return readChunks(this.database.runner, 'catalogue_chunk', key, sizeBytes)
  }

  async remove(tx: Transaction, keys: readonly string[]): Promise<void> {
    await tx.query('delete from catalogue_chunk where key = any ($1::uuid[])', [keys])
  }
}
