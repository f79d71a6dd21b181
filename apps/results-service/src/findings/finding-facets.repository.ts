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
export const facetLimit = 10_000

/** References and workloads of an image are those that the caller may see; `$1` is the scope. */
const inScope = (alias: string) => `($1::text[] is null or ${alias}.repository like any ($1::text[]))`

/** Columns of a finding that values are told by: thousands of rows are kept for the counts. */
const counted = [
  'id',
  'image_id',
  'package_id',
  'vulnerability_id',
  'engine',
  'severity',
  'fix_state',
  'is_kev',
  'is_open',
  'is_suppressed',
]

/** The findings by what a value is told by, so that each is looked up once and not for each finding (alias x). */
const by = (column: string) => `(select f.${column} as key, count(*) as count from work f group by 1) x`
const ofFinding = (value: string, column: string) => `select ${value} as value, x.count from ${by(column)}`
const ofPackage = (column: string) => `select p.${column} as value, x.count from ${by('package_id')} join package p on p.id = x.key`
const ofVulnerability = (value: string) =>
  `select ${value} as value, x.count from ${by('vulnerability_id')} join vulnerability v on v.id = x.key join vulnerability_group g on g.id = v.group_id`
const ofWorkload = (column: string) =>
  `select w.value, x.count from ${by('image_id')} join lateral (select distinct w.${column} as value from workload w where w.image_id = x.key and w.until is null and w.${column} is not null and ${inScope('w')}) w on true`

/** Values with how many of the counted findings have them; an image may have several of a field, and its findings count once for each. */
const values: Readonly<Record<FacetField, string>> = {
  severity: ofFinding('x.key::text', 'severity'),
  fix: ofFinding('x.key::text', 'fix_state'),
  engine: ofFinding('x.key::text', 'engine'),
  kev: ofFinding('x.key::text', 'is_kev'),
  state: ofFinding(`case when x.key then 'open' else 'gone' end`, 'is_open'),
  suppressed: ofFinding('x.key::text', 'is_suppressed'),
  status: `select coalesce(d.status, 'new') as value, count(*) as count from work f left join finding_decision d on d.finding_id = f.id group by 1`,
  'package.name': ofPackage('name'),
  'package.type': ofPackage('type'),
  vulnerability: ofVulnerability('g.canonical_id'),
  source: ofVulnerability('v.namespace'),
  platform: `select i.platform as value, x.count from ${by('image_id')} join image i on i.id = x.key`,
  repository: `select r.value, x.count from ${by('image_id')} join lateral (select distinct r.repository as value from image_reference r where r.image_id = x.key and r.until is null and ${inScope('r')}) r on true`,
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
        `(select '${field}' as field, x.value, sum(x.count)::int8 as count from (${values[field]}) x group by x.value order by sum(x.count) desc, x.value limit ${limit})`,
    )
    const found = await rows<FacetRow & { field: FacetField | '' }>(
      this.database.runner,
      ...selection.parameters.bind(
        `with work as materialized (select ${counted.map((column) => `f.${column}`).join(', ')} from ${selection.selected} limit ${facetLimit + 1})
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
