import type { Readable } from 'node:stream'
import type { Transaction } from '../database/transaction.js'

/** Token of the strategy in use. */
export const SBOM_STORAGE = Symbol('sbom storage strategy')

/**
 * Where the bytes of SBOMs are kept. Keys are UUIDs. The default keeps them in PostgreSQL; an object store is another strategy.
 * `write` and `remove` run in the transaction of the row that names the key, which a strategy outside of it must outlive.
 */
export interface SbomStorageStrategy {
  /** Stores the bytes under the key, in place of former ones, and returns their number. Throws `request-too-large` past the limit. */
  write(tx: Transaction, key: string, source: AsyncIterable<Uint8Array>, limitBytes: number): Promise<number>
  /** A stream of the bytes, which fails when they are not all there. */
  read(key: string, sizeBytes: number): Readable
  /** Removes the bytes; does nothing when there are none. */
  remove(tx: Transaction, keys: readonly string[]): Promise<void>
}
