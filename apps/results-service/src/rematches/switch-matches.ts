import { Injectable } from '@nestjs/common'
import { ReportVulnerability, type RematchReport } from '@pharos/contracts'
import { oneRow, rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'
import { VulnerabilityStore } from '../vulnerabilities/vulnerability-store.js'
import { unitStates } from './rematch-staging.js'

/** Which staged differences are applied. */
export interface MatchSwitch {
  readonly rematchId: string
  readonly generationId: string
  readonly engineCode: number
}

/** Documents in one round: alias groups are decided in memory. */
const documentBatch = 2000

/** More vulnerabilities than this have findings in most images. */
const movedLimit = 1000

/** A unit whose staged differences hold. */
const isMatched = `join rematch_unit u on u.rematch_id = s.rematch_id and u.package_id = s.package_id and u.state = ${unitStates.matched}`

/** Applies what a re-match has staged of vulnerabilities, scores and matches. */
@Injectable()
export class SwitchMatches {
  constructor(private readonly vulnerabilities: VulnerabilityStore) {}

  /** Keeps how vulnerabilities stood, for the comparison after the switch. */
  async keepFormer(tx: Transaction): Promise<void> {
    await this.readVulnerabilities(tx, 'vulnerability_before')
  }

  /** Packages and vulnerabilities that were removed since they were matched are left out. */
  async apply(tx: Transaction, input: MatchSwitch): Promise<RematchReport['matches']> {
    const counted = await this.count(tx, input)
    await tx.query(
      `create temp table gone_match on commit drop as
       select m.id, m.package_id, m.vulnerability_id, m.fix_state from rematch_gone s ${isMatched} join package_match m on m.id = s.match_id and m.is_open where s.rematch_id = $1`,
      [input.rematchId],
    )
    await tx.query('analyze gone_match')
    await tx.query('update package_match m set is_open = false, until_generation = $1 from gone_match g where m.id = g.id', [
      input.generationId,
    ])
    await tx.query(
      `create temp table new_match on commit drop as
       select s.package_id, s.vulnerability_key, s.fix_state, s.content_hash, s.body from rematch_match s ${isMatched} where s.rematch_id = $1`,
      [input.rematchId],
    )
    await this.storeVulnerabilities(tx, input)
    await tx.query(
      `insert into vulnerability_score (vulnerability_id, risk, epss, percentile, body)
       select s.vulnerability_id, s.risk, s.epss, s.percentile, s.body from rematch_score s join vulnerability v on v.id = s.vulnerability_id where s.rematch_id = $1 order by 1
       on conflict (vulnerability_id) do update set risk = excluded.risk, epss = excluded.epss, percentile = excluded.percentile, body = excluded.body`,
      [input.rematchId],
    )
    await tx.query('create temp table placed_match (id bigint, package_id bigint) on commit drop')
    await tx.query(
      `with inserted as (
         insert into package_match (package_id, vulnerability_id, engine, fix_state, content_hash, body, since_generation)
         select s.package_id, v.id, $1::int2, s.fix_state, s.content_hash, s.body::json, $2
           from new_match s join vulnerability v on v.key_hash = s.vulnerability_key join package p on p.id = s.package_id order by s.package_id, v.id
         returning id, package_id)
       insert into placed_match select * from inserted`,
      [input.engineCode, input.generationId],
    )
    await tx.query('analyze placed_match')
    await this.readVulnerabilities(tx, 'vulnerability_after')
    await this.findMoved(tx)
    await this.findTouched(tx, input)
    await this.readMatches(tx, input)
    await this.choose(tx, 'before')
    await this.choose(tx, 'after')
    return counted
  }

  /** Images with findings of vulnerabilities whose risk moved; null when these are so many that all images are counted faster. */
  async imagesOfMovedRisk(tx: Transaction): Promise<number[] | null> {
    const moved = await rows<{ id: string }>(tx, 'select id from moved_vulnerability where has_other_risk limit $1', [movedLimit + 1])
    if (moved.length > movedLimit) return null
    const found = await rows<{ image_id: string }>(
      tx,
      'select distinct image_id from finding where vulnerability_id = any ($1::int8[]) and is_open',
      [plainArray(moved.map(({ id }) => id))],
    )
    return found.map(({ image_id: id }) => Number(id))
  }

  /** What moved among vulnerabilities that were known. */
  async moved(tx: Transaction): Promise<Pick<RematchReport['vulnerabilities'], 'changedSeverity' | 'changedKev' | 'epssCrossed'>> {
    const row = await oneRow<{ severity: number; kev: number; crossed: number }>(
      tx,
      `select count(*) filter (where a.severity <> b.severity)::int as severity, count(*) filter (where a.is_kev <> b.is_kev)::int as kev,
              (select count(*)::int from switch_crossed) as crossed
         from vulnerability_before b join vulnerability_after a on a.id = b.id`,
    )
    return { changedSeverity: row?.severity ?? 0, changedKev: row?.kev ?? 0, epssCrossed: row?.crossed ?? 0 }
  }

  /**
   * In batches by key: the rules of alias groups are those of a report. As with reports, only records that match something: what
   * others are called now must not merge findings that are about to go.
   */
  private async storeVulnerabilities(tx: Transaction, { rematchId, engineCode }: MatchSwitch): Promise<void> {
    await tx.query(
      `create temp table kept_key on commit drop as
       select r.key_hash from rematch_vulnerability r
        where r.rematch_id = $1 and (exists (select from new_match n where n.vulnerability_key = r.key_hash)
           or exists (select from vulnerability v join package_match m on m.vulnerability_id = v.id and m.is_open and m.engine = $2 where v.key_hash = r.key_hash))`,
      [rematchId, engineCode],
    )
    for (let after = '00000000-0000-0000-0000-000000000000'; ; ) {
      const found = await rows<{ key_hash: string; risk: number; body: string }>(
        tx,
        'select r.key_hash, r.risk, r.body from rematch_vulnerability r join kept_key k on k.key_hash = r.key_hash where r.rematch_id = $1 and r.key_hash > $2 order by 1 limit $3',
        [rematchId, after, documentBatch],
      )
      await this.vulnerabilities.ensure(
        tx,
        found.map(({ risk, body }) => ({ risk, vulnerability: ReportVulnerability.parse(JSON.parse(body)) })),
      )
      const last = found.at(-1)
      if (last === undefined || found.length < documentBatch) return
      after = last.key_hash
    }
  }

  private async readVulnerabilities(tx: Transaction, table: 'vulnerability_before' | 'vulnerability_after'): Promise<void> {
    await tx.query(
      `create temp table ${table} on commit drop as
       select v.id, v.group_id, v.severity, coalesce(s.risk, 0) as risk, s.epss, ${isListed('s')} as is_kev
         from vulnerability v left join vulnerability_score s on s.vulnerability_id = v.id`,
    )
    await tx.query(`create unique index on ${table} (id)`)
    await tx.query(`analyze ${table}`)
  }

  /** Vulnerabilities of which something else is said now that decides or shows in findings. */
  private async findMoved(tx: Transaction): Promise<void> {
    await tx.query(
      `create temp table moved_vulnerability on commit drop as
       select a.id, a.group_id, a.group_id <> b.group_id as has_other_group, a.risk <> b.risk as has_other_risk,
              (a.group_id, a.severity, a.is_kev) is distinct from (b.group_id, b.severity, b.is_kev) as shows
         from vulnerability_before b join vulnerability_after a on a.id = b.id
        where (a.group_id, a.severity, a.is_kev, a.risk) is distinct from (b.group_id, b.severity, b.is_kev, b.risk)`,
    )
    await tx.query('create index on moved_vulnerability (id)')
    await tx.query('analyze moved_vulnerability')
  }

  /**
   * Packages for which another match may speak now: those with staged differences, those of vulnerabilities that are grouped, rated
   * or listed otherwise, and, where risks have moved, those with several matches of one group. What is open is read after the
   * change: a package whose match has gone is there for that.
   */
  private async findTouched(tx: Transaction, { engineCode }: MatchSwitch): Promise<void> {
    await tx.query(
      `create temp table touched_package on commit drop as
       select package_id from gone_match
       union
       select package_id from placed_match
       union
       select m.package_id from moved_vulnerability x join package_match m on m.vulnerability_id = x.id and m.is_open and m.engine = ${engineCode} where x.shows
       union
       select m.package_id from (select distinct group_id from moved_vulnerability where has_other_risk) x join vulnerability v on v.group_id = x.group_id
         join package_match m on m.vulnerability_id = v.id and m.is_open and m.engine = ${engineCode}
        group by m.package_id, x.group_id having count(*) > 1`,
    )
    await tx.query('analyze touched_package')
  }

  /** The open matches of touched packages as they were and as they are. */
  private async readMatches(tx: Transaction, { engineCode }: MatchSwitch): Promise<void> {
    await tx.query(
      `create temp table match_after on commit drop as
       select m.id, m.package_id, m.vulnerability_id, m.fix_state from touched_package t join package_match m on m.package_id = t.package_id and m.is_open and m.engine = ${engineCode}`,
    )
    await tx.query(
      `create temp table match_before on commit drop as
       select * from match_after a where not exists (select from placed_match p where p.id = a.id) union all select id, package_id, vulnerability_id, fix_state from gone_match`,
    )
    for (const table of ['match_after', 'match_before']) await tx.query(`analyze ${table}`)
  }

  /** The match that speaks for each touched package and alias group: of the highest risk, then severity, then the one stored first. */
  private async choose(tx: Transaction, when: 'before' | 'after'): Promise<void> {
    await tx.query(
      `create temp table chosen_${when} on commit drop as
       select distinct on (m.package_id, v.group_id) m.package_id, v.group_id, m.vulnerability_id, m.id as match_id, v.severity, m.fix_state, v.is_kev
         from match_${when} m join vulnerability_${when} v on v.id = m.vulnerability_id
        order by m.package_id, v.group_id, v.risk desc, v.severity desc, m.vulnerability_id, m.id`,
    )
    await tx.query(`analyze chosen_${when}`)
  }

  private async count(tx: Transaction, { rematchId }: MatchSwitch): Promise<RematchReport['matches']> {
    const row = await oneRow<RematchReport['matches']>(
      tx,
      `with gone as (
         select s.package_id, v.key_hash, m.fix_state, m.body::text as body from rematch_gone s ${isMatched} join package_match m on m.id = s.match_id and m.is_open
           join vulnerability v on v.id = m.vulnerability_id where s.rematch_id = $1),
       appeared as (select s.package_id, s.vulnerability_key as key_hash, s.fix_state, s.body from rematch_match s ${isMatched} where s.rematch_id = $1),
       both_ways as (
         select a.package_id as one, g.package_id as other, a.fix_state <> g.fix_state or split_part(a.body, '"fixAvailable"', 1) <> split_part(g.body, '"fixAvailable"', 1) as is_other_fix
           from appeared a full join gone g on g.package_id = a.package_id and g.key_hash = a.key_hash)
       select count(*) filter (where other is null)::int as appeared, count(*) filter (where one is null)::int as gone,
              count(*) filter (where one is not null and other is not null)::int as changed,
              count(*) filter (where one is not null and other is not null and is_other_fix)::int as "changedFix"
         from both_ways`,
      [rematchId],
    )
    return row ?? { appeared: 0, gone: 0, changed: 0, changedFix: 0 }
  }
}

/** SQL: a score's vulnerability is in the catalogue of known exploited ones. The text is what `scoreOf` makes; it may hold what SQL cannot take apart. */
function isListed(score: string): string {
  return `coalesce(right(${score}.body, 11) <> '"kev":null}', false)`
}
