import { Injectable } from '@nestjs/common'
import type { KeysetValue } from '../database/keyset.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { type ImagePackageRow, packageRefColumns } from './package-view.js'

/** Reads packages of images. */
@Injectable()
export class PackagesRepository {
  constructor(private readonly database: Database) {}

  /** In the order of names (cut, since a cursor has a limit and a name has none), then of occurrences. */
  async list(
    imageId: number,
    filter: { types: readonly string[] | null; nameLike: string | null },
    after: readonly KeysetValue[] | null,
    limit: number,
  ): Promise<ImagePackageRow[]> {
    const [name = null, occurrence = null] = after ?? []
    return rows<ImagePackageRow>(
      this.database.runner,
      `select ${packageRefColumns}, p.distro, p.language, p.detail as package_detail, o.occurrence, o.detail as occurrence_detail, left(p.name, 100) as sort_name
         from image_package o join package p on p.id = o.package_id
        where o.image_id = $1 and o.is_present and ($2::text[] is null or p.type = any ($2)) and ($3::text is null or p.name like $3)
          and ($5::uuid is null or (left(p.name, 100) collate "C", o.occurrence) > ($4::text, $5))
        order by left(p.name, 100) collate "C", o.occurrence limit $6`,
      [imageId, filter.types, filter.nameLike, name, occurrence, limit],
    )
  }
}
