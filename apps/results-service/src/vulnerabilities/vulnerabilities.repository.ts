import { Injectable } from '@nestjs/common'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { packageRefColumns, type PackageRefRow } from '../packages/package-view.js'
import { vulnerabilityColumns, vulnerabilityJoins, type VulnerabilityRow } from './vulnerability-view.js'

/** An image with an open finding of a vulnerability. */
export interface AffectedImageRow {
  id: string
  digest: string
  references: string[]
}

/** A package that makes an image affected. */
export interface AffectedPackageRow extends PackageRefRow {
  image_id: string
  engine: number
  match_body: { fixVersions: string[] }
}

/** Reads vulnerabilities and what they affect. */
@Injectable()
export class VulnerabilitiesRepository {
  constructor(private readonly database: Database) {}

  /** The group that an id or alias names; the one that it is a member of goes first. */
  async findGroup(aliasHash: string): Promise<{ id: string; canonical_id: string } | null> {
    return oneRow(
      this.database.runner,
      `select g.id, g.canonical_id from vulnerability_alias a join vulnerability_group g on g.id = a.group_id where a.alias_hash = $1 order by a.is_member desc, g.id limit 1`,
      [aliasHash],
    )
  }

  async records(groupId: string): Promise<(VulnerabilityRow & { id: string })[]> {
    return rows(
      this.database.runner,
      `select v.id, ${vulnerabilityColumns} from vulnerability v ${vulnerabilityJoins} where v.group_id = $1 order by v.id`,
      [groupId],
    )
  }

  /** Images with an open finding, in the order of their ids. */
  async affectedImages(
    vulnerabilityIds: readonly string[],
    scope: VisibleRepositories,
    afterImageId: number,
    limit: number,
  ): Promise<AffectedImageRow[]> {
    return rows<AffectedImageRow>(
      this.database.runner,
      `select i.id, i.digest, coalesce((select json_agg(x.name) from (
                select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end as name
                  from image_reference r where r.image_id = i.id and r.until is null and ($2::text[] is null or r.repository like any ($2::text[])) order by 1 limit 20) x), '[]') as "references"
         from image i
        where i.id in (select f.image_id from finding f where f.vulnerability_id = any ($1::int8[]) and f.image_id > $3 and f.is_open) and ${visible('i.id', 2)}
        order by i.id limit $4`,
      [plainArray(vulnerabilityIds), scope, afterImageId, limit],
    )
  }

  async affectedPackages(vulnerabilityIds: readonly string[], imageIds: readonly string[]): Promise<AffectedPackageRow[]> {
    return rows<AffectedPackageRow>(
      this.database.runner,
      `select distinct on (f.image_id, f.engine, p.id) f.image_id, f.engine, m.body as match_body, ${packageRefColumns}
         from finding f join package p on p.id = f.package_id join package_match m on m.id = f.match_id
        where f.vulnerability_id = any ($1::int8[]) and f.image_id = any ($2::int8[]) and f.is_open order by f.image_id, f.engine, p.id`,
      [plainArray(vulnerabilityIds), plainArray(imageIds)],
    )
  }
}
