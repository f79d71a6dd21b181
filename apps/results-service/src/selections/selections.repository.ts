import { Injectable } from '@nestjs/common'
import type { FilterNode, Selection, SelectionState, SetDecision } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { severities, severityCode } from '../inventory/column-codes.js'
import { visible } from '../inventory/visibility.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { SqlParameters } from '../query/sql-parameters.js'

/** A selection as it is stored. */
export interface SelectionRow {
  id: string
  principal: string
  filter: string
  total: number
  preview: StoredPreview
  state: SelectionState
  done_position: number
  decision: SetDecision | null
  decided_by: string | null
  changed: number
  unchanged: number
  undone: number
  kept: number
  created_at: Date
  expires_at: Date
}

/** The preview with names as they are stored; JSON keeps any character, and references and owners are escaped in it. */
export type StoredPreview = Selection['preview']

/** A finding of a selection. */
export interface SelectedFinding {
  position: number
  finding_id: string
  /** Version of the decision that was set; null when nothing changed by it. */
  version: number | null
  former: unknown
}

/** What a chunk came to. */
export interface ChunkCounts {
  readonly changed: number
  readonly unchanged: number
  readonly undone: number
  readonly kept: number
}

const severityCounts = severities
  .map((severity) => `'${severity}', count(*) filter (where f.severity = ${severityCode(severity)})`)
  .join(', ')
const shownAtMost = 20

/** Selections and the findings in them. */
@Injectable()
export class SelectionsRepository {
  constructor(
    private readonly database: Database,
    private readonly filters: FilterCompiler,
  ) {}

  /** Fixes which findings fit, at most `limit` of them, and returns how many. The selection's row comes first. */
  async select(
    tx: Transaction,
    selection: { id: string; filter: FilterNode | null; excluded: readonly string[]; scope: VisibleRepositories; limit: number },
  ): Promise<number> {
    const parameters = new SqlParameters()
    parameters.add(selection.scope, 'text[]')
    const { condition } = await this.filters.compile(selection.filter, 'findings', parameters, selection.scope)
    const id = parameters.add(selection.id, 'uuid')
    const excluded = parameters.add(plainArray(selection.excluded), 'uuid[]')
    const limit = parameters.add(selection.limit, 'int')
    const [statement, values] = parameters.bind(
      `insert into selection_finding (selection_id, position, finding_id)
       select ${id}, row_number() over (order by c.id), c.id
         from (select x.id from finding x where ${visible('x.image_id', 1)} and ${condition('x')} and x.id <> all (${excluded}) limit ${limit}) c returning position`,
    )
    return affected(tx, statement, values)
  }

  async create(tx: Transaction, row: Pick<SelectionRow, 'id' | 'principal' | 'filter' | 'created_at' | 'expires_at'>): Promise<void> {
    await tx.query(
      `insert into selection (id, principal, filter, total, preview, state, created_at, expires_at) values ($1, $2, $3, 0, '{}', 'ready', $4, $5)`,
      [row.id, row.principal, row.filter, row.created_at, row.expires_at],
    )
  }

  /** Stores what a decision about the selection would reach. */
  async storePreview(tx: Transaction, id: string, total: number, preview: StoredPreview): Promise<void> {
    await tx.query('update selection set total = $2, preview = $3 where id = $1', [id, total, JSON.stringify(preview)])
  }

  async preview(tx: Transaction, id: string, scope: VisibleRepositories): Promise<StoredPreview> {
    const row = await oneRow<{ preview: StoredPreview }>(
      tx,
      `with chosen as materialized (select f.* from selection_finding s join finding f on f.id = s.finding_id where s.selection_id = $1),
       per_image as materialized (select image_id, count(*)::int as n from chosen group by image_id),
       decided as (select d.status, count(*)::int as n from chosen f left join finding_decision d on d.finding_id = f.id group by d.status order by n desc, d.status nulls first),
       most as (select i.digest, m.n, array(select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end
                  from image_reference r where r.image_id = i.id and r.until is null and ($2::text[] is null or r.repository like any ($2::text[])) order by 1 limit ${shownAtMost}) as refs
                  from per_image m join image i on i.id = m.image_id order by m.n desc, i.digest limit ${shownAtMost}),
       owned as (select o.owner, sum(m.n)::int as n from per_image m join (
                   select distinct w.image_id, w.owner from workload w where w.until is null and ($2::text[] is null or w.repository like any ($2::text[]))) o on o.image_id = m.image_id
                  group by o.owner order by n desc, o.owner nulls last limit ${shownAtMost})
       select json_build_object(
         'bySeverity', (select json_build_object(${severityCounts}) from chosen f),
         'byDecision', coalesce((select json_agg(json_build_object('decision', status, 'count', n)) from decided), '[]'),
         'images', json_build_object('count', (select count(*) from per_image),
           'first', coalesce((select json_agg(json_build_object('digest', digest, 'references', refs, 'count', n)) from most), '[]')),
         'owners', coalesce((select json_agg(json_build_object('owner', owner, 'count', n)) from owned), '[]')) as preview`,
      [id, scope],
    )
    if (row === null) throw new Error('an aggregate without groups has one row')
    return row.preview
  }

  find(id: string): Promise<SelectionRow | null> {
    return oneRow<SelectionRow>(this.database.runner, 'select * from selection where id = $1', [id])
  }

  /** Locks a selection; waits for a chunk of it that is being dealt with. */
  lock(tx: Transaction, id: string): Promise<SelectionRow | null> {
    return oneRow<SelectionRow>(tx, 'select * from selection where id = $1 for update', [id])
  }

  async begin(
    tx: Transaction,
    id: string,
    work: { state: 'applying' | 'undoing'; decision: SetDecision | null; by: string; expiresAt: Date },
  ): Promise<void> {
    await tx.query(
      'update selection set state = $2, done_position = 0, decision = coalesce($3, decision), decided_by = $4, expires_at = $5 where id = $1',
      [id, work.state, work.decision === null ? null : JSON.stringify(work.decision), work.by, work.expiresAt],
    )
  }

  /** Takes a selection on which there is work and that no other replica works on. */
  takeWork(tx: Transaction): Promise<SelectionRow | null> {
    return oneRow<SelectionRow>(
      tx,
      `select * from selection where state in ('applying', 'undoing') order by id limit 1 for update skip locked`,
    )
  }

  chunk(tx: SqlRunner, { id, done_position }: SelectionRow, size: number): Promise<SelectedFinding[]> {
    return rows<SelectedFinding>(
      tx,
      'select position, finding_id, version, former from selection_finding where selection_id = $1 and position > $2 order by position limit $3',
      [id, done_position, size],
    )
  }

  /** Notes what was set about findings, and what had been before. */
  async noteSet(tx: Transaction, id: string, set: readonly { position: number; version: number; former: unknown }[]): Promise<void> {
    if (set.length === 0) return
    await tx.query(
      `update selection_finding s set version = t.v, former = t.f::json from unnest($2::int[], $3::int[], $4::text[]) as t(p, v, f)
        where s.selection_id = $1 and s.position = t.p`,
      [
        id,
        plainArray(set.map(({ position }) => position)),
        plainArray(set.map(({ version }) => version)),
        textArray(set.map(({ former }) => (former === null ? null : JSON.stringify(former)))),
      ],
    )
  }

  async advance(tx: Transaction, id: string, to: { position: number; state: SelectionState }, counts: ChunkCounts): Promise<void> {
    await tx.query(
      `update selection set done_position = $2, state = $3, changed = changed + $4, unchanged = unchanged + $5, undone = undone + $6, kept = kept + $7 where id = $1`,
      [id, to.position, to.state, counts.changed, counts.unchanged, counts.undone, counts.kept],
    )
  }

  /** Removes selections whose time is over, but for those that are being worked on. */
  removeExpired(now: Date): Promise<number> {
    return affected(
      this.database.runner,
      `delete from selection where id in (select id from selection where expires_at < $1 and state not in ('applying', 'undoing') limit 100)`,
      [now],
    )
  }
}
