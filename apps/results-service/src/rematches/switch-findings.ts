import { Injectable } from '@nestjs/common'
import { rows } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { findingIdSql } from '../findings/finding-identity.js'

/** Whose findings follow the matches, and when. */
export interface FindingSwitch {
  readonly rematchId: string
  readonly generationId: string
  readonly engine: string
  readonly engineCode: number
  /** Probability that an EPSS has to cross to be news. */
  readonly epssThreshold: number
  readonly at: Date
}

/** What has changed in findings of an image. */
export interface ChangedImage {
  readonly imageId: number
  readonly digest: string
  readonly appeared: number
  readonly gone: number
  readonly changed: number
}

/** More clashes of one id than this are no accident. */
const saltLimit = 50

/**
 * Makes findings follow the open matches, set by set: the same rules as those of a report (finding-diff.ts), for all images at
 * once. Works on the temporary tables that switch-matches.ts fills.
 */
@Injectable()
export class SwitchFindings {
  /** Runs with all images locked. Returns the images that have a finding that appeared, went or changed. */
  async apply(tx: Transaction, input: FindingSwitch): Promise<ChangedImage[]> {
    await this.findKeys(tx)
    await this.findSpots(tx, input)
    await this.compare(tx, input)
    await this.insert(tx, input)
    await this.update(tx)
    await this.close(tx)
    await this.crossEpss(tx, input)
    await this.recordEvents(tx, input)
    return this.changedImages(tx)
  }

  /** Package and group whose finding may be another one: another match speaks for it, or the same one says something else. */
  private async findKeys(tx: Transaction): Promise<void> {
    const differing = (one: string, other: string): string =>
      `select c.package_id, v.group_id from ${one} c join vulnerability_after v on v.id = c.vulnerability_id
        where not exists (select from ${other} o where o.match_id = c.match_id and o.severity = c.severity and o.fix_state = c.fix_state and o.is_kev = c.is_kev)`
    await tx.query(`
      create temp table switch_key on commit drop as
      ${differing('chosen_before', 'chosen_after')}
      union
      ${differing('chosen_after', 'chosen_before')}
      union
      select m.package_id, a.group_id from match_before m join vulnerability_before b on b.id = m.vulnerability_id join vulnerability_after a on a.id = b.id
       where a.group_id <> b.group_id`)
    await tx.query('analyze switch_key')
  }

  /** The places of these packages in images that the engine has judged, with the match that speaks for each; null for none. */
  private async findSpots(tx: Transaction, { engineCode }: FindingSwitch): Promise<void> {
    await tx.query(
      `create temp table switch_spot on commit drop as
       select p.image_id, p.occurrence, k.package_id, k.group_id, c.vulnerability_id, c.match_id, c.severity, c.fix_state, c.is_kev, r.scanned_at
         from switch_key k left join chosen_after c on c.package_id = k.package_id and c.group_id = k.group_id
         join image_package p on p.package_id = k.package_id and p.is_present
         join image_engine_result r on r.image_id = p.image_id and r.engine = ${engineCode} and r.has_good_result`,
    )
    await tx.query('analyze switch_spot')
  }

  /** What stands at these places, and what is to be done with it. */
  private async compare(tx: Transaction, { engineCode }: FindingSwitch): Promise<void> {
    await tx.query(
      `create temp table switch_held on commit drop as
       select s.image_id, s.occurrence, s.group_id, s.scanned_at, f.id, f.is_open, f.package_id, f.vulnerability_id, f.match_id, f.severity, f.fix_state, f.is_kev,
              row_number() over (partition by s.image_id, s.occurrence, s.group_id order by f.is_open desc, f.id) as rank
         from switch_spot s join vulnerability v on v.group_id = s.group_id
         join finding f on f.vulnerability_id = v.id and f.image_id = s.image_id and f.occurrence = s.occurrence and f.engine = ${engineCode}`,
    )
    await tx.query('analyze switch_held')
    const now = ['package_id', 'vulnerability_id', 'match_id', 'severity', 'fix_state', 'is_kev']
    const tuple = (alias: string): string => now.map((column) => `${alias}.${column}`).join(', ')
    await tx.query(
      `create temp table switch_change on commit drop as
       select case when h.id is null then 'new' when not h.is_open then 'reopened' else 'changed' end as kind,
              h.id, s.image_id, s.occurrence, s.group_id, s.scanned_at, ${tuple('s')},
              h.severity as before_severity, h.fix_state as before_fix_state, h.is_kev as before_is_kev,
              h.id is null or not h.is_open or (h.severity, h.fix_state, h.is_kev) is distinct from (s.severity, s.fix_state, s.is_kev) as is_news,
              h.package_id as before_package_id
         from switch_spot s left join switch_held h on h.image_id = s.image_id and h.occurrence = s.occurrence and h.group_id = s.group_id and h.rank = 1
        where s.match_id is not null and (h.id is null or not h.is_open or (${tuple('h')}) is distinct from (${tuple('s')}))
       union all
       select case when h.rank = 1 then 'gone' else 'duplicate' end, h.id, h.image_id, h.occurrence, h.group_id, h.scanned_at, ${tuple('h')},
              h.severity, h.fix_state, h.is_kev, true, h.package_id
         from switch_held h join switch_spot s on s.image_id = h.image_id and s.occurrence = h.occurrence and s.group_id = h.group_id
        where h.is_open and (h.rank > 1 or s.match_id is null)`,
    )
    await tx.query('analyze switch_change')
  }

  /** Ids are made as finding-identity.ts makes them; one that another finding has already gets the next salt. */
  private async insert(tx: Transaction, input: FindingSwitch): Promise<void> {
    await tx.query(
      `create temp table switch_new on commit drop as
       select row_number() over (order by c.image_id, c.occurrence, c.group_id) as n, c.image_id, c.occurrence, c.group_id, c.package_id, c.vulnerability_id, c.match_id, c.severity, c.fix_state, c.is_kev,
              i.digest, g.seed, null::uuid as id, null::uuid as candidate
         from switch_change c join image i on i.id = c.image_id join vulnerability_group g on g.id = c.group_id where c.kind = 'new'`,
    )
    for (let salt = 0; salt <= saltLimit; salt += 1) {
      const [left] = await rows<{ left: boolean }>(tx, 'select exists (select from switch_new where id is null) as left')
      if (left?.left !== true) break
      if (salt === saltLimit) throw new Error('findings of different vulnerabilities have the same id again and again')
      await tx.query(
        `update switch_new set candidate = ${findingIdSql({ digest: 'digest', occurrence: 'occurrence', seed: 'seed', engine: '$1', salt: '$2' })} where id is null`,
        [input.engine, salt],
      )
      await tx.query(
        `with first as (select distinct on (candidate) * from switch_new where id is null order by candidate, n),
              placed as (
                insert into finding (id, image_id, engine, first_seen_at, occurrence, package_id, vulnerability_id, match_id, severity, fix_state, is_kev)
                select candidate, image_id, $1, $2, occurrence, package_id, vulnerability_id, match_id, severity, fix_state, is_kev from first order by candidate
                on conflict (id) do nothing returning id)
         update switch_new n set id = p.id from placed p join first f on f.candidate = p.id where n.n = f.n`,
        [input.engineCode, input.at],
      )
    }
    await tx.query(
      `update switch_change c set id = n.id from switch_new n
        where c.kind = 'new' and n.image_id = c.image_id and n.occurrence = c.occurrence and n.group_id = c.group_id`,
    )
  }

  private async update(tx: Transaction): Promise<void> {
    await tx.query(
      `update finding f set is_open = true, last_seen_at = case when c.kind = 'reopened' then null else f.last_seen_at end,
              package_id = c.package_id, vulnerability_id = c.vulnerability_id, match_id = c.match_id, severity = c.severity, fix_state = c.fix_state, is_kev = c.is_kev
         from switch_change c where f.id = c.id and c.kind in ('reopened', 'changed')`,
    )
  }

  private async close(tx: Transaction): Promise<void> {
    await tx.query(
      `update finding f set is_open = false, last_seen_at = coalesce(f.last_seen_at, c.scanned_at) from switch_change c where f.id = c.id and c.kind in ('gone', 'duplicate')`,
    )
  }

  /** Findings whose EPSS crossed the threshold are news, though nothing of their rows has changed. */
  private async crossEpss(tx: Transaction, { engineCode, epssThreshold }: FindingSwitch): Promise<void> {
    await tx.query(
      `create temp table switch_crossed on commit drop as
       select b.id as vulnerability_id from vulnerability_before b join vulnerability_after a on a.id = b.id
        where (coalesce(b.epss, 0) >= $1) <> (coalesce(a.epss, 0) >= $1)`,
      [epssThreshold],
    )
    await tx.query('analyze switch_crossed')
    await tx.query(
      `insert into switch_change (kind, id, image_id, severity, fix_state, is_kev, before_severity, before_fix_state, before_is_kev, is_news)
       select 'crossed', f.id, f.image_id, f.severity, f.fix_state, f.is_kev, f.severity, f.fix_state, f.is_kev, true
         from switch_crossed x join finding f on f.vulnerability_id = x.vulnerability_id
        where f.is_open and f.engine = $1 and not exists (select from switch_change c where c.id = f.id and c.is_news)`,
      [engineCode],
    )
  }

  private async recordEvents(tx: Transaction, input: FindingSwitch): Promise<void> {
    const stands = `kind in ('new', 'reopened', 'changed', 'crossed')`
    const stood = `kind <> 'new'`
    const only = (condition: string, column: string): string => `case when ${condition} then ${column} end`
    await tx.query(
      `insert into finding_event (image_id, run_id, at, generation_id, finding_id, kind, cause, before_severity, before_fix_state, before_is_kev, severity, fix_state, is_kev, before_package_id)
       select image_id, $1, $2, $3, id, case when kind in ('new', 'reopened') then 'appeared' when kind in ('changed', 'crossed') then 'changed' else 'gone' end,
              case kind when 'duplicate' then 'alias' else 'database' end,
              ${only(stood, 'before_severity')}, ${only(stood, 'before_fix_state')}, ${only(stood, 'before_is_kev')},
              ${only(stands, 'severity')}, ${only(stands, 'fix_state')}, ${only(stands, 'is_kev')}, before_package_id
         from switch_change where is_news order by image_id, id`,
      [input.rematchId, input.at, input.generationId],
    )
  }

  private async changedImages(tx: Transaction): Promise<ChangedImage[]> {
    const found = await rows<{ image_id: string; digest: string; appeared: number; gone: number; changed: number }>(
      tx,
      `select c.image_id, i.digest, count(*) filter (where kind in ('new', 'reopened'))::int as appeared, count(*) filter (where kind = 'gone')::int as gone,
              count(*) filter (where kind in ('changed', 'crossed') and is_news)::int as changed
         from switch_change c join image i on i.id = c.image_id group by 1, 2 order by 1`,
    )
    return found.map((row) => ({ ...row, imageId: Number(row.image_id) }))
  }
}
