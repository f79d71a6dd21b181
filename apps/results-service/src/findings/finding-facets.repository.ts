import { Injectable } from '@nestjs/common'
import type { FacetField, SearchedField } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { visible } from '../inventory/visibility.js'
import type { FindingSelection } from './finding-selection.js'

/** Counts of one value; of columns that hold codes the value is a code. */
export interface FacetRow {
  field: FacetField
  value: string
  count: string
}

/** Findings that facets are counted over: more would take longer than somebody waits. */
export const facetLimit = 20_000

/** References and workloads of an image are those that the caller may see; `$1` is the scope. */
const inScope = (alias: string) => `($1::text[] is null or ${alias}.repository like any ($1::text[]))`
const ofWorkload = (column: string) =>
  `select f.id, w.${column} as value from work f join workload w on w.image_id = f.image_id where w.until is null and w.${column} is not null and ${inScope('w')} group by 1, 2`

/** The value of each counted finding; an image may have several of a field, and its finding counts once for each. */
const values: Readonly<Record<FacetField, string>> = {
  severity: 'select f.id, f.severity::text as value from work f',
  fix: 'select f.id, f.fix_state::text as value from work f',
  engine: 'select f.id, f.engine::text as value from work f',
  kev: 'select f.id, f.is_kev::text as value from work f',
  state: `select f.id, case when f.is_open then 'open' else 'gone' end as value from work f`,
  suppressed: 'select f.id, f.is_suppressed::text as value from work f',
  status: `select f.id, coalesce(d.status, 'new') as value from work f left join finding_decision d on d.finding_id = f.id`,
  'package.name': 'select f.id, p.name as value from work f join package p on p.id = f.package_id',
  'package.type': 'select f.id, p.type as value from work f join package p on p.id = f.package_id',
  vulnerability:
    'select f.id, g.canonical_id as value from work f join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id',
  source: 'select f.id, v.namespace as value from work f join vulnerability v on v.id = f.vulnerability_id',
  platform: 'select f.id, i.platform as value from work f join image i on i.id = f.image_id',
  repository: `select f.id, r.repository as value from work f join image_reference r on r.image_id = f.image_id where r.until is null and ${inScope('r')} group by 1, 2`,
  cluster: ofWorkload('cluster'),
  namespace: ofWorkload('namespace'),
  owner: ofWorkload('owner'),
}

const ofWorkloads = (column: string) =>
  `select w.${column} as value from workload w where w.until is null and w.${column} ilike $2 and ${inScope('w')} group by 1 order by 1 limit $3`
const inVisibleImage = `exists (select from image_package o where o.package_id = p.id and o.is_present and ${visible('o.image_id', 1)})`

/** Values that hold a text and occur in what the caller may see. Each is checked only until there are enough of them. */
const searches: Readonly<Record<SearchedField, string>> = {
  'package.name': `select min(p.name) as value from package p where p.name ilike $2 and ${inVisibleImage} group by left(p.name, 100) collate "C" order by left(p.name, 100) collate "C" limit $3`,
  'package.type': `select t.type as value from (select distinct type from package where type ilike $2 order by type) t
     where exists (select from package p where p.type = t.type and ${inVisibleImage}) limit $3`,
  vulnerability: `select g.canonical_id as value from (select id, canonical_id from vulnerability_group where canonical_id ilike $2 order by canonical_id offset 0) g
     where exists (select from vulnerability v join finding f on f.vulnerability_id = v.id where v.group_id = g.id and f.is_open and ${visible('f.image_id', 1)}) limit $3`,
  repository: `select r.repository as value from image_reference r where r.until is null and r.repository ilike $2 and ${inScope('r')} group by 1 order by 1 limit $3`,
  cluster: ofWorkloads('cluster'),
  namespace: ofWorkloads('namespace'),
  workload: ofWorkloads('name'),
  owner: ofWorkloads('owner'),
}

/** Counts findings by value, and searches values. */
@Injectable()
export class FindingFacetsRepository {
  constructor(private readonly database: Database) {}

  /** At most `limit` rows a field, and how many findings were counted: one more than the limit of facets when there are more. */
  async count(selection: FindingSelection, fields: readonly FacetField[], limit: number): Promise<{ counted: number; facets: FacetRow[] }> {
    const counts = fields.map(
      (field) =>
        `(select '${field}' as field, x.value, count(*) as count from (${values[field]}) x group by x.value order by count(*) desc, x.value limit ${limit})`,
    )
    const found = await rows<FacetRow & { field: FacetField | '' }>(
      this.database.runner,
      ...selection.parameters.bind(
        `with work as materialized (select f.* from ${selection.selected} limit ${facetLimit + 1})
         ${[...counts, `select '' as field, '' as value, count(*) from work`].join(' union all ')}`,
      ),
    )
    return {
      counted: Number(found.find((row) => row.field === ('' as string))?.count ?? 0),
      facets: found.filter((row) => row.field !== ('' as string)),
    }
  }

  async search(field: SearchedField, like: string, scope: VisibleRepositories, limit: number): Promise<string[]> {
    const found = await rows<{ value: string }>(this.database.runner, searches[field], [scope, like, limit])
    return found.map(({ value }) => value)
  }
}
