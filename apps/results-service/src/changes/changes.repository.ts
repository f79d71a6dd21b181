import { Injectable } from '@nestjs/common'
import { compare, type FilterNode, joinFilters, suppressingStatuses } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import type { FindingChangeColumns } from '../findings/finding-change-columns.js'
import { idsOfImage } from '../findings/finding-identity.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import type { SqlCondition } from '../query/sql-condition.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { visible } from '../inventory/visibility.js'
import type { ChangePosition } from './change-cursor.js'

/** Tables that the feed is read from; also the order of rows of one transaction. */
export const changeSources = { image: 1, finding: 2, decision: 3 } as const

/** A row of the feed: the columns of its source are filled. */
export interface ChangeRow extends FindingChangeColumns {
  xid: string
  source: number
  id: string
  at: Date
  /** The caller may see it, and it fits the filter or did so before. */
  is_shown: boolean
  /** Of a finding: whether it fits the filter now. */
  fits: boolean | null
  body: unknown
  digest: string | null
  kind: string | null
  cause: string | null
  status: string | null
  decision_source: 'triage' | 'vex' | null
}

/** What was read, and up to where everything is committed. */
export interface ChangeRows {
  readonly rows: readonly ChangeRow[]
  /** Rows of transactions before this one are all there are. */
  readonly horizon: string
}

/** Reads rows behind a position. */
export type ReadChanges = (position: ChangePosition, limit: number) => Promise<ChangeRows>

const lastId = '9223372036854775807'
const imageEvents = ['image.scanned', 'image.removed', 'image.deleted-from-registry']

/** Columns of a source that it shares with the others, in one order. */
function columns(
  values: Partial<Record<'body' | 'image_id' | 'kind' | 'cause' | 'finding_id' | 'status' | 'decision_source' | 'facts', string>>,
): string {
  const facts = ['before_severity', 'before_fix_state', 'severity', 'fix_state'].map(
    (name) => `${values.facts ? `e.${name}` : 'null'}::int2 as ${name}`,
  )
  const flags = ['before_is_kev', 'is_kev'].map((name) => `${values.facts ? `e.${name}` : 'null'}::bool as ${name}`)
  return [
    `${values.body ?? 'null'}::jsonb as body`,
    `${values.image_id ?? 'null'}::int8 as image_id`,
    `${values.kind ?? 'null'}::text as kind`,
    `${values.cause ?? 'null'}::text as cause`,
    `${values.finding_id ?? 'null'}::uuid as finding_id`,
    `${values.status ?? 'null'}::text as status`,
    `${values.decision_source ?? 'null'}::text as decision_source`,
    `${values.facts ? 'e.generation_id' : 'null'}::uuid as generation_id`,
    ...facts,
    ...flags,
  ].join(', ')
}

const isSuppressing = (status: string): string =>
  `coalesce(${status} in (${[...suppressingStatuses].map((one) => `'${one}'`).join(', ')}), false)`
/** What a later event says had been before it. */
const next = (columns: string, kinds: string): string =>
  `(select ${columns} from finding_event e where e.image_id = u.image_id and e.finding_id = u.finding_id and e.xid > u.xid and e.kind in (${kinds}) order by e.id limit 1)`
const statusBefore = (id: string): string =>
  `(select d.status from finding_decision_event d where d.finding_id = u.finding_id and d.id < ${id} order by d.id desc limit 1)`

/**
 * The finding as it was before an entry (alias b), with the status of its decision then: each fact is what the entry, or the first
 * later one that tells of it, says had been before; what none tells of has not changed since.
 */
const before = `left join lateral (
  select f.id, f.image_id, f.occurrence, f.package_id, f.vulnerability_id, f.match_id, f.first_seen_at, f.last_seen_at, f.engine,
         coalesce(u.before_severity, n.before_severity, f.severity) as severity, coalesce(u.before_fix_state, n.before_fix_state, f.fix_state) as fix_state,
         coalesce(u.before_is_kev, n.before_is_kev, f.is_kev) as is_kev,
         case coalesce(u.kind, o.kind) when 'gone' then true when 'appeared' then false when 'changed' then true else f.is_open end as is_open,
         s.status, ${isSuppressing('s.status')} as is_suppressed
    from (values (1)) one left join lateral ${next('e.before_severity, e.before_fix_state, e.before_is_kev', `'changed'`)} n on true
    left join lateral ${next('e.kind', `'gone', 'appeared'`)} o on true
    left join lateral (select min(d.id) as id from finding_decision_event d where d.finding_id = u.finding_id and d.xid > u.xid) l on true
    left join lateral (select case when u.source = ${changeSources.decision} then ${statusBefore('u.id')} when l.id is not null then ${statusBefore('l.id')}
                                   else (select d.status from finding_decision d where d.finding_id = u.finding_id) end as status) s on true
   where f.id is not null) b on true`

/**
 * Reads changes in commit order: of each source rows of transactions older than every running one, so that nothing can appear
 * behind a position that has been passed.
 */
@Injectable()
export class ChangesRepository {
  constructor(
    private readonly database: Database,
    private readonly filters: FilterCompiler,
  ) {}

  /** Compiles the query for a caller; the filter is one of findings, whatever their state. */
  async reading(filter: FilterNode | null, scope: VisibleRepositories): Promise<ReadChanges> {
    const parameters = SqlParameters.ofScope(scope)
    const marks = { xid: Symbol('xid'), limit: Symbol('limit'), ids: [1, 2, 3].map((source) => Symbol(`id ${source}`)) }
    const xid = parameters.add(marks.xid, 'xid8')
    const limit = parameters.add(marks.limit, 'int')
    const ids = marks.ids.map((mark) => parameters.add(mark, 'int8'))
    const compile = async (statusOf?: SqlCondition): Promise<SqlCondition | null> =>
      filter === null ? null : (await this.filters.compile(anyState(filter), 'findings', parameters, scope, statusOf)).condition
    const condition = await compile()
    const conditionBefore = await compile((alias) => `${alias}.status`)
    const source = (number: number, from: string, shown: string): string =>
      `(select e.xid, ${number}::int2 as source, e.id, ${shown} ${from} and (e.xid, e.id) > (${xid}, ${ids[number - 1] ?? ''}) and e.xid < (select xmin from moment) order by e.xid, e.id limit ${limit})`
    const fits = condition === null ? 'true' : `coalesce((${condition('f')}), false)`
    const fitted = conditionBefore === null ? 'false' : `coalesce((${conditionBefore('b')}), false)`
    const imageFits =
      condition === null
        ? 'true'
        : `exists (select from finding x where ${idsOfImage('x.id', 'i.digest')} and x.image_id = i.id and (${condition('x')}))`
    const scopePlace = `$1::text[]`
    const removedInScope = `(${scopePlace} is null or exists (select from jsonb_array_elements_text(coalesce(u.body->'repositories', '[]')) as r(name) where r.name like any (${scopePlace})))`
    const [statement, values] = parameters.bind(
      `with moment as materialized (select pg_snapshot_xmin(pg_current_snapshot()) as xmin),
       entry as (select * from (
         ${source(changeSources.image, `from event e where e.body->>'type' in (${imageEvents.map((type) => `'${type}'`).join(', ')})`, `e.at, ${columns({ body: 'e.body' })}`)}
         union all
         ${source(changeSources.finding, 'from finding_event e where e.xid is not null', `e.at, ${columns({ image_id: 'e.image_id', kind: 'e.kind', cause: 'e.cause', finding_id: 'e.finding_id', facts: 'yes' })}`)}
         union all
         ${source(changeSources.decision, 'from finding_decision_event e where e.xid is not null', `e.decided_at as at, ${columns({ image_id: 'e.image_id', finding_id: 'e.finding_id', status: 'e.status', decision_source: 'e.source' })}`)}
       ) all_sources order by xid, source, id limit ${limit})
       select m.xmin::text as horizon, u.xid::text as xid, u.source, u.id, u.at, coalesce(i.digest, u.body->>'digest') as digest, u.body, u.kind, u.cause, u.finding_id, u.status, u.decision_source, u.generation_id,
              u.before_severity, u.before_fix_state, u.before_is_kev, u.severity, u.fix_state, u.is_kev, f.engine, ${fits} as fits, g.canonical_id, p.type, p.name, p.version, p.purl,
              case when u.source = ${changeSources.image} then case when i.id is null then u.body->>'type' = 'image.removed' and ${removedInScope} else ${visible('i.id', 1)} and ${imageFits} end
                   else f.id is not null and ${visible('f.image_id', 1)} and (${fits} or ${fitted}) end as is_shown
         from moment m left join entry u on true
         left join finding f on f.id = u.finding_id left join image i on i.id = coalesce(u.image_id, (select n.id from image n where n.digest = u.body->>'digest'))
         ${conditionBefore === null ? '' : before}
         left join vulnerability v on v.id = f.vulnerability_id left join vulnerability_group g on g.id = v.group_id left join package p on p.id = f.package_id
        order by u.xid, u.source, u.id`,
    )
    return async (position, count) => {
      const bound = values.map((value) => {
        if (value === marks.xid) return position.xid
        if (value === marks.limit) return count
        const at = marks.ids.indexOf(value as symbol)
        return at < 0 ? value : idOfSource(at + 1, position)
      })
      const found = await rows<ChangeRow & { horizon: string }>(this.database.runner, statement, bound)
      return { rows: found.filter(({ xid: read }) => read !== null), horizon: found[0]?.horizon ?? position.xid }
    }
  }

  /** Up to where everything is committed now, and whether a transaction of this number can have been. */
  async now(xid: string): Promise<{ horizon: string; isKnown: boolean }> {
    const row = await oneRow<{ horizon: string; is_known: boolean }>(
      this.database.runner,
      'select pg_snapshot_xmin(pg_current_snapshot())::text as horizon, $1::xid8 <= pg_snapshot_xmax(pg_current_snapshot()) as is_known',
      [xid],
    )
    return { horizon: row?.horizon ?? '0', isKnown: row?.is_known ?? false }
  }

  /** The newest readable row of each source, as a text that differs when there is news. */
  async head(): Promise<string> {
    const newest = (table: string): string =>
      `(select e.xid::text || '.' || e.id from ${table} e where e.xid < pg_snapshot_xmin(pg_current_snapshot()) order by e.xid desc, e.id desc limit 1)`
    const row = await oneRow<{ head: string }>(
      this.database.runner,
      `select concat_ws(' ', ${newest('event')}, ${newest('finding_event')}, ${newest('finding_decision_event')}) as head`,
    )
    return row?.head ?? ''
  }
}

/** What was closed by a change is to be told of as well. */
function anyState(filter: FilterNode): FilterNode {
  return joinFilters('and', [filter, compare('state', 'in', 'open', 'gone')])
}

/** Within the position's transaction sources before the position's are read to their end, and those behind it are not begun. */
function idOfSource(source: number, position: ChangePosition): string {
  if (source === position.source) return position.id
  return source < position.source ? lastId : '0'
}
