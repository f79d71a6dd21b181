import { Injectable } from '@nestjs/common'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { visible } from '../inventory/visibility.js'
import { packageRefColumns, type PackageRefRow } from '../packages/package-view.js'
import type { SqlCondition } from '../query/sql-condition.js'
import type { SqlParameters } from '../query/sql-parameters.js'
import { vulnerabilityColumns, vulnerabilityJoins, type VulnerabilityRow } from './vulnerability-view.js'

/** An image with an open finding of a vulnerability. */
export interface AffectedImageRow {
  id: string
  digest: string
  platform: string
  references: string[]
  workloads: { cluster: string; namespace: string; kind: string; name: string; container: string }[]
  workload_count: number
}

/** A package that makes an image affected. */
export interface AffectedPackageRow extends PackageRefRow {
  finding_id: string
  is_suppressed: boolean
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

  /**
   * Images with an open finding, in the order of their ids or against it, behind one of them. Of each record no more images are
   * read than the page holds. `$1` of the parameters is the scope.
   */
  async affectedImages(
    vulnerabilityIds: readonly string[],
    { parameters, condition }: { parameters: SqlParameters; condition: SqlCondition },
    position: { afterImageId: number | null; isBackward: boolean },
    limit: number,
  ): Promise<AffectedImageRow[]> {
    const ids = parameters.add(plainArray(vulnerabilityIds), 'int8[]')
    const [operator, order] = position.isBackward ? ['<', 'desc'] : ['>', 'asc']
    const after = position.afterImageId === null ? 'true' : `f.image_id ${operator} ${parameters.add(position.afterImageId, 'int8')}`
    const isWanted = condition('i')
    const fits = isWanted === 'true' ? 'true' : `exists (select from image i where i.id = f.image_id and ${isWanted})`
    const ofScope = (alias: string) => `($1::text[] is null or ${alias}.repository like any ($1::text[]))`
    return rows<AffectedImageRow>(
      this.database.runner,
      ...parameters.bind(
        `select i.id, i.digest, i.platform, coalesce((select json_agg(x.name) from (
                select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end as name
                  from image_reference r where r.image_id = i.id and r.until is null and ${ofScope('r')} order by 1 limit 20) x), '[]') as "references",
                coalesce((select json_agg(x) from (select w.cluster, w.namespace, w.kind, w.name, w.container from workload w
                  where w.image_id = i.id and w.until is null and ${ofScope('w')} order by 1, 2, 3, 4, 5 limit 20) x), '[]') as workloads,
                (select count(*)::int from workload w where w.image_id = i.id and w.until is null and ${ofScope('w')}) as workload_count
           from (select distinct x.image_id from unnest(${ids}) as v(id) cross join lateral (
                   select distinct f.image_id from finding f where f.vulnerability_id = v.id and f.is_open and ${after} and ${visible('f.image_id', 1)} and ${fits}
                    order by f.image_id ${order} limit ${limit}) x
                 order by x.image_id ${order} limit ${limit}) c
           join image i on i.id = c.image_id order by i.id ${order}`,
      ),
    )
  }

  /** How many images have an open finding, counted up to the limit. */
  async countAffected(
    vulnerabilityIds: readonly string[],
    { parameters, condition }: { parameters: SqlParameters; condition: SqlCondition },
    limit: number,
  ): Promise<number> {
    const ids = parameters.add(plainArray(vulnerabilityIds), 'int8[]')
    const [row] = await rows<{ count: string }>(
      this.database.runner,
      ...parameters.bind(
        `select count(*) from (select from image i where i.id in (select f.image_id from finding f where f.vulnerability_id = any (${ids}) and f.is_open)
           and ${visible('i.id', 1)} and ${condition('i')} limit ${limit}) x`,
      ),
    )
    return Number(row?.count ?? 0)
  }

  async affectedPackages(vulnerabilityIds: readonly string[], imageIds: readonly string[]): Promise<AffectedPackageRow[]> {
    return rows<AffectedPackageRow>(
      this.database.runner,
      `select distinct on (f.image_id, f.engine, p.id) f.id as finding_id, f.is_suppressed, f.image_id, f.engine, m.body as match_body, ${packageRefColumns}
         from finding f join package p on p.id = f.package_id join package_match m on m.id = f.match_id
        where f.vulnerability_id = any ($1::int8[]) and f.image_id = any ($2::int8[]) and f.is_open order by f.image_id, f.engine, p.id, f.id`,
      [plainArray(vulnerabilityIds), plainArray(imageIds)],
    )
  }
}
