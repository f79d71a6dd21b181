import { Injectable } from '@nestjs/common'
import type { FilterNode } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { type DecisionRow, decisionColumns } from '../decisions/decision-facts.js'
import type { LocatedImage } from '../images/image-locator.js'
import { visible } from '../inventory/visibility.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { SqlParameters } from '../query/sql-parameters.js'

/** A decision about an open finding. */
export interface ExportRow extends DecisionRow {
  digest: string
  repositories: string[]
  purl: string | null
  package_name: string
  package_version: string
  canonical_id: string
  names: string[]
}

/** How often decisions have changed, and when first and last. */
export interface ChangeCount {
  readonly version: number
  readonly firstAt: Date
  readonly lastAt: Date
}

const select = (repositories: string, from: string): string =>
  `select i.digest, ${repositories} as repositories, p.purl, p.name as package_name, p.version as package_version, g.canonical_id,
          array(select a.alias from vulnerability_alias a where a.group_id = g.id and a.is_member order by a.alias) as names, ${decisionColumns('d')}
     from ${from} join finding f on f.id = d.finding_id and f.is_open join image i on i.id = d.image_id
     join package p on p.id = f.package_id join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id`

/** Repositories that hold the image and that the caller may see. `scope` stands for the parameter of the scope. */
const repositoriesOf = (scope: string): string =>
  `array(select distinct r.repository from image_reference r where r.image_id = d.image_id and (${scope}::text[] is null or r.repository like any (${scope}::text[])) order by 1)`

/** Reads decisions for VEX documents. */
@Injectable()
export class VexExportsRepository {
  constructor(
    private readonly database: Database,
    private readonly filters: FilterCompiler,
  ) {}

  async ofImage({ id }: LocatedImage, scope: VisibleRepositories): Promise<ExportRow[]> {
    return rows<ExportRow>(
      this.database.runner,
      `${select(repositoriesOf('$2'), 'finding_decision d')} where d.image_id = $1 order by g.canonical_id, d.finding_id`,
      [id, scope],
    )
  }

  /** Decisions about findings that fit a filter, at most `limit`. */
  async ofFilter(filter: FilterNode | null, scope: VisibleRepositories, limit: number): Promise<ExportRow[]> {
    const parameters = new SqlParameters()
    const scopeParameter = parameters.add(scope, 'text[]').replace(/::.*$/, '')
    const condition = filter === null ? null : (await this.filters.compile(filter, 'findings', parameters, scope)).condition
    const [sql, values] = parameters.bind(
      `${select(repositoriesOf(scopeParameter), 'finding_decision d')}
        where ${visible('d.image_id', 1)} and ${condition?.('f') ?? 'true'} order by g.canonical_id, d.finding_id limit ${limit}`,
    )
    return rows<ExportRow>(this.database.runner, sql, values)
  }

  /** Changes of the decisions of an image; null when there were none. */
  async changesOf({ id }: LocatedImage): Promise<ChangeCount | null> {
    const row = await oneRow<{ version: number; first_at: Date | null; last_at: Date | null }>(
      this.database.runner,
      'select count(*)::int as version, min(decided_at) as first_at, max(decided_at) as last_at from finding_decision_event where image_id = $1',
      [id],
    )
    return row === null || row.first_at === null || row.last_at === null
      ? null
      : { version: row.version, firstAt: row.first_at, lastAt: row.last_at }
  }

  /** Changes of all decisions; null when there were none. */
  async changesOfAll(): Promise<ChangeCount | null> {
    const row = await oneRow<{ version: number; first_at: Date; last_at: Date }>(
      this.database.runner,
      `select l.id::int as version, f.decided_at as first_at, l.decided_at as last_at
         from (select id, decided_at from finding_decision_event order by id desc limit 1) l,
              (select decided_at from finding_decision_event order by id limit 1) f`,
    )
    return row && { version: row.version, firstAt: row.first_at, lastAt: row.last_at }
  }
}
