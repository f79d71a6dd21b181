import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { visible } from '../inventory/visibility.js'

/** An image that the caller may see. */
export interface LocatedImage {
  readonly id: number
  /** Its manifest digest, also when it was asked for by that of an index or configuration. */
  readonly digest: string
}

/** Finds the image that a digest stands for. */
@Injectable()
export class ImageLocator {
  constructor(private readonly database: Database) {}

  /**
   * Understands digests of manifests, indexes and configurations; of an index it is the image for linux/amd64 where there is
   * one. Throws `not-found` alike for what is not there and for what the caller may not see.
   */
  async locate(digest: string, scope: VisibleRepositories): Promise<LocatedImage> {
    const row = await oneRow<{ id: string; digest: string }>(
      this.database.runner,
      `select i.id, i.digest from image i
        where (i.digest = $1 or i.config_digest = $1 or i.digest in (select manifest_digest from image_index where index_digest = $1)) and ${visible('i.id', 2)}
        order by i.digest = $1 desc, i.platform = 'linux/amd64' desc, i.last_scanned_at desc, i.id limit 1`,
      [digest, scope],
    )
    if (row === null) throw new PharosError('not-found', 'There is no such image, or you may not see it.')
    return { id: Number(row.id), digest: row.digest }
  }
}
