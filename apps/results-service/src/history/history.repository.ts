import { Injectable } from '@nestjs/common'
import type { ChangeCause } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import type { KeysetValue } from '../database/keyset.js'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import type { FindingChangeColumns } from '../findings/finding-change-columns.js'
import { idRange } from '../findings/finding-identity.js'
import type { LocatedImage } from '../images/image-locator.js'

/** Where an entry comes from; also its place among entries of the same moment. */
export const historySources = { finding: 1, package: 2, decision: 3, referenced: 4, unreferenced: 5, scanned: 6, seen: 7 } as const

/** An entry of an image's history: the columns of its source are filled, the others null. */
export interface HistoryRow extends FindingChangeColumns {
  source: number
  id: string
  at: Date
  kind: string | null
  cause: ChangeCause | null
  decision_before: string | null
  decision_after: string | null
  decided_by: string | null
  before_type: string | null
  before_name: string | null
  before_version: string | null
  before_purl: string | null
  after_type: string | null
  after_name: string | null
  after_version: string | null
  after_purl: string | null
  reference: string | null
  finding_count: number | null
}

const columns = [
  ['kind', 'text'],
  ['cause', 'text'],
  ['finding_id', 'uuid'],
  ['engine', 'int2'],
  ['before_severity', 'int2'],
  ['before_fix_state', 'int2'],
  ['before_is_kev', 'bool'],
  ['severity', 'int2'],
  ['fix_state', 'int2'],
  ['is_kev', 'bool'],
  ['generation_id', 'uuid'],
  ['decision_before', 'text'],
  ['decision_after', 'text'],
  ['decided_by', 'text'],
  ['before_package_id', 'int8'],
  ['package_id', 'int8'],
  ['reference', 'text'],
  ['finding_count', 'int4'],
] as const
type Column = (typeof columns)[number][0]

/** One source of entries, cut behind the cursor: the newest of each source are enough to make the newest of all. */
function source(number: number, at: string, id: string, from: string, values: Partial<Record<Column, string>>): string {
  const selected = columns.map(([name, type]) => `(${values[name] ?? 'null'})::${type} as ${name}`).join(', ')
  return `(select ${number}::int2 as source, ${id} as id, ${at} as at, ${selected} ${from}
     and ($2::timestamptz is null or (${at}, ${number}, ${id}) < ($2::timestamptz, $3::int, $4::int8)) order by ${at} desc, ${id} desc limit $5)`
}

const reference = `case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end`
const referencesInScope = `from image_reference r join image i on i.id = r.image_id where r.image_id = $1 and ($6::text[] is null or r.repository like any ($6::text[]))`

const sources = [
  source(historySources.finding, 'e.at', 'e.id', 'from finding_event e where e.image_id = $1', {
    kind: 'e.kind',
    cause: 'e.cause',
    finding_id: 'e.finding_id',
    before_severity: 'e.before_severity',
    before_fix_state: 'e.before_fix_state',
    before_is_kev: 'e.before_is_kev',
    severity: 'e.severity',
    fix_state: 'e.fix_state',
    is_kev: 'e.is_kev',
    generation_id: 'e.generation_id',
  }),
  source(historySources.package, 'e.at', 'e.id', 'from image_package_event e where e.image_id = $1', {
    before_package_id: 'e.before_package_id',
    package_id: 'e.package_id',
  }),
  source(historySources.decision, 'e.decided_at', 'e.id', 'from finding_decision_event e where e.image_id = $1', {
    kind: 'e.kind',
    cause: `case e.source when 'vex' then 'vex' else 'decision' end`,
    finding_id: 'e.finding_id',
    decision_before: '(select b.status from finding_decision_event b where b.finding_id = e.finding_id and b.version = e.version - 1)',
    decision_after: 'e.status',
    decided_by: 'e.decided_by',
  }),
  source(historySources.referenced, 'r.since', 'r.id', referencesInScope, { reference }),
  source(historySources.unreferenced, 'r.until', 'r.id', `${referencesInScope} and r.until is not null`, { reference }),
  source(
    historySources.scanned,
    'x.at',
    'x.engine',
    // An engine's first result makes no events: its findings are those that were first seen then.
    `from (select f.engine::int8 as engine, f.first_seen_at as at, count(*) as findings, row_number() over (partition by f.engine order by f.first_seen_at) as position
             from finding f where f.id between $7 and $8 and f.image_id = $1 group by f.engine, f.first_seen_at) x where x.position = 1`,
    { engine: 'x.engine', finding_count: 'x.findings' },
  ),
  source(historySources.seen, 'i.first_seen_at', 'i.id', 'from image i where i.id = $1', {}),
]

/** Reads the history of an image. */
@Injectable()
export class HistoryRepository {
  constructor(private readonly database: Database) {}

  /** Newest first. */
  list(image: LocatedImage, scope: VisibleRepositories, after: readonly KeysetValue[] | null, limit: number): Promise<HistoryRow[]> {
    const [at = null, number = null, id = null] = after ?? []
    return rows<HistoryRow>(
      this.database.runner,
      `with entry as (select * from (${sources.join(' union all ')}) u order by u.at desc, u.source desc, u.id desc limit $5)
       select u.*, coalesce(u.engine, f.engine) as engine, g.canonical_id, p.type, p.name, p.version, p.purl,
              b.type as before_type, b.name as before_name, b.version as before_version, b.purl as before_purl,
              a.type as after_type, a.name as after_name, a.version as after_version, a.purl as after_purl
         from entry u
         left join finding f on f.id = u.finding_id left join vulnerability v on v.id = f.vulnerability_id left join vulnerability_group g on g.id = v.group_id
         left join package p on p.id = f.package_id left join package b on b.id = u.before_package_id left join package a on a.id = u.package_id
        order by u.at desc, u.source desc, u.id desc`,
      [image.id, at, number, id, limit, scope, ...idRange(image.digest)],
    )
  }
}
