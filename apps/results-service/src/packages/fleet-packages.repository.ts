import { Injectable } from '@nestjs/common'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { visibleAmongMany } from '../inventory/visibility.js'
import type { FleetQuery } from '../query/fleet-query.js'
import { behind, countLimit, type OrderColumn, orderBy, type WalkPosition } from '../query/walkable-page.js'
import { packageRefColumns, type PackageRefRow } from './package-view.js'

/** A package of the fleet. */
export interface FleetPackageRow extends PackageRefRow {
  id: string
  distro: string | null
  language: string | null
  sort_name: string
  image_count: number
  occurrence_count: number
  vulnerability_count: number
}

/** Occurrences of a package are counted up to this. */
export const occurrenceLimit = 1000

const columns: readonly OrderColumn[] = [
  { sql: 'left(p.name, 100) collate "C"', type: 'text', isDescending: false },
  { sql: 'p.id', type: 'int8', isDescending: false },
]

const ofVisibleImages = `from image_package o where o.package_id = p.id and o.is_present and ${visibleAmongMany('o.image_id', 1)}`

/** Reads the packages of the fleet, each once, in the order of their names. */
@Injectable()
export class FleetPackagesRepository {
  constructor(private readonly database: Database) {}

  async list(
    { parameters, condition }: FleetQuery,
    isReversed: boolean,
    position: WalkPosition | null,
    limit: number,
  ): Promise<FleetPackageRow[]> {
    const after = position === null ? 'true' : behind(columns, isReversed, position.values, parameters)
    const order = orderBy(columns, isReversed)
    return rows<FleetPackageRow>(
      this.database.runner,
      ...parameters.bind(
        `select p.id, p.distro, p.language, left(p.name, 100) as sort_name, ${packageRefColumns}, n.images as image_count, n.occurrences as occurrence_count,
                (select count(distinct v.group_id)::int from package_match m join vulnerability v on v.id = m.vulnerability_id where m.package_id = p.id and m.is_open) as vulnerability_count
           from (select * from package p where exists (select ${ofVisibleImages}) and ${condition('p')} and ${after} order by ${order} limit ${limit}) p
           cross join lateral (select count(distinct x.image_id)::int as images, count(*)::int as occurrences from (select o.image_id ${ofVisibleImages} limit ${occurrenceLimit + 1}) x) n
          order by ${order}`,
      ),
    )
  }

  /** Counts up to one more than the limit of counts. */
  async count({ parameters, condition }: FleetQuery): Promise<number> {
    const [row] = await rows<{ count: string }>(
      this.database.runner,
      ...parameters.bind(
        `select count(*) from (select from package p where exists (select ${ofVisibleImages}) and ${condition('p')} limit ${countLimit + 1}) x`,
      ),
    )
    return Number(row?.count ?? 0)
  }
}
