import { Injectable } from '@nestjs/common'
import type { ChangeCause } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { idRange } from '../findings/finding-identity.js'
import type { LocatedImage } from '../images/image-locator.js'
import { plainArray } from '../ingest/array-parameter.js'
import { standingAt } from './standing-query.js'

/** A finding at two moments, in the codes of its columns. */
export interface MomentRow {
  id: string
  engine: number
  canonical_id: string
  type: string
  name: string
  version: string
  purl: string | null
  first_seen_at: Date
  before_open: boolean
  before_severity: number
  before_fix_state: number
  before_is_kev: boolean
  before_decision: string | null
  after_open: boolean
  after_severity: number
  after_fix_state: number
  after_is_kev: boolean
  after_decision: string | null
  flip_cause: ChangeCause | null
  flip_at: Date | null
  fact_cause: ChangeCause | null
  fact_at: Date | null
  decision_source: 'triage' | 'vex' | null
  decision_at: Date | null
}

/** A package of an image at two moments; null where it was not there. */
export interface MomentPackageRow {
  before_type: string | null
  before_name: string | null
  before_version: string | null
  before_purl: string | null
  after_type: string | null
  after_name: string | null
  after_version: string | null
  after_purl: string | null
  at: Date | null
  /** It was seen at first by the image's first catalogue, which came within the time. */
  is_first: boolean
}

/** An open finding of an image, as it stands now. */
export interface PresentFindingRow {
  id: string
  engine: number
  group_id: string
  canonical_id: string
  type: string
  name: string
  version: string
  purl: string | null
  severity: number
  fix_state: number
  is_kev: boolean
  decision: string | null
  decision_source: 'triage' | 'vex' | null
}

export interface PresentPackageRow {
  type: string
  name: string
  version: string
  purl: string | null
}

/** With what an engine made an image's last good result. */
export interface EngineBasisRow {
  engine: number
  engine_version: string | null
  /** Generation of the database, or what the engine told of its own. */
  database: string | null
}

/** Reads what differences are made of. */
@Injectable()
export class DiffRepository {
  constructor(private readonly database: Database) {}

  /** Findings of an image to which something happened after `since` and not after `until`. */
  momentFindings(image: LocatedImage, since: Date, until: Date): Promise<MomentRow[]> {
    const before = standingAt('$4', 'candidates', '_before')
    const after = standingAt('$5', 'candidates', '_after')
    const within = (column: string): string => `${column} > $4::timestamptz and ${column} <= $5::timestamptz`
    const last = (kinds: string, condition = 'true'): string =>
      `select distinct on (e.finding_id) e.finding_id, e.cause, e.at from finding_event e where e.image_id = $3 and e.kind in (${kinds}) and ${condition} and ${within('e.at')} order by e.finding_id, e.id desc`
    return rows<MomentRow>(
      this.database.runner,
      `with candidates as materialized (
         select f.* from finding f where f.id between $1 and $2 and f.image_id = $3 and f.first_seen_at <= $5::timestamptz
            and (f.first_seen_at > $4::timestamptz
              or f.id in (select e.finding_id from finding_event e where e.image_id = $3 and ${within('e.at')})
              or f.id in (select e.finding_id from finding_decision_event e where e.image_id = $3 and ${within('e.decided_at')}))),
       ${before.ctes}, ${after.ctes},
       last_flip as (${last(`'appeared', 'gone'`)}), last_fact as (${last(`'changed'`, '(e.before_severity, e.before_fix_state, e.before_is_kev) is distinct from (e.severity, e.fix_state, e.is_kev)')}),
       last_decision as (select distinct on (e.finding_id) e.finding_id, e.source, e.decided_at from finding_decision_event e where e.image_id = $3 and ${within('e.decided_at')} order by e.finding_id, e.version desc)
       select f.id, f.engine, g.canonical_id, p.type, p.name, p.version, p.purl, f.first_seen_at,
              ${before.isOpen} as before_open, ${before.severity} as before_severity, ${before.fixState} as before_fix_state, ${before.isKev} as before_is_kev, ${before.decision} as before_decision,
              ${after.isOpen} as after_open, ${after.severity} as after_severity, ${after.fixState} as after_fix_state, ${after.isKev} as after_is_kev, ${after.decision} as after_decision,
              last_flip.cause as flip_cause, last_flip.at as flip_at, last_fact.cause as fact_cause, last_fact.at as fact_at,
              last_decision.source as decision_source, last_decision.decided_at as decision_at
         from candidates f ${before.joins} ${after.joins}
         join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id
         join package p on p.id = ${after.packageId}
         left join last_flip on last_flip.finding_id = f.id left join last_fact on last_fact.finding_id = f.id left join last_decision on last_decision.finding_id = f.id`,
      [...idRange(image.digest), image.id, since, until],
    )
  }

  /** Packages of an image that a catalogue saw otherwise at `until` than at `since`. Before the first catalogue there are none. */
  momentPackages(imageId: number, since: Date, until: Date): Promise<MomentPackageRow[]> {
    const later = (name: string, moment: string): string =>
      `${name} as (select distinct on (e.occurrence) e.occurrence, e.before_package_id from image_package_event e where e.image_id = $1 and e.at > ${moment}::timestamptz order by e.occurrence, e.id)`
    const packageAt = (name: string, moment: string): string =>
      `case when i.first_catalogued_at <= ${moment}::timestamptz then case when ${name}.occurrence is not null then ${name}.before_package_id when o.is_present then o.package_id end end`
    return rows<MomentPackageRow>(
      this.database.runner,
      `with ${later('later_before', '$2')}, ${later('later_after', '$3')}
       select b.type as before_type, b.name as before_name, b.version as before_version, b.purl as before_purl,
              a.type as after_type, a.name as after_name, a.version as after_version, a.purl as after_purl,
              coalesce(n.at, i.first_catalogued_at) as at, n.at is null as is_first
         from image i join image_package o on o.image_id = i.id
         left join (select e.occurrence, max(e.at) as at from image_package_event e where e.image_id = $1 and e.at > $2::timestamptz and e.at <= $3::timestamptz group by e.occurrence) n on n.occurrence = o.occurrence
         left join later_before on later_before.occurrence = o.occurrence left join later_after on later_after.occurrence = o.occurrence
         left join package b on b.id = ${packageAt('later_before', '$2')}
         left join package a on a.id = ${packageAt('later_after', '$3')}
        where i.id = $1 and (b.id is distinct from a.id) and (b.type, b.name, b.version) is distinct from (a.type, a.name, a.version)`,
      [imageId, since, until],
    )
  }

  presentFindings(image: LocatedImage): Promise<PresentFindingRow[]> {
    return rows<PresentFindingRow>(
      this.database.runner,
      `select f.id, f.engine, v.group_id, g.canonical_id, p.type, p.name, p.version, p.purl, f.severity, f.fix_state, f.is_kev, d.status as decision, d.source as decision_source
         from finding f join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id join package p on p.id = f.package_id
         left join finding_decision d on d.finding_id = f.id
        where f.id between $1 and $2 and f.image_id = $3 and f.is_open order by f.id`,
      [...idRange(image.digest), image.id],
    )
  }

  presentPackages(imageId: number): Promise<PresentPackageRow[]> {
    return rows<PresentPackageRow>(
      this.database.runner,
      `select distinct on (p.type, p.name, p.version) p.type, p.name, p.version, p.purl from image_package o join package p on p.id = o.package_id
        where o.image_id = $1 and o.is_present order by p.type, p.name, p.version, p.id`,
      [imageId],
    )
  }

  /** By image id. */
  async engineBases(imageIds: readonly number[]): Promise<Map<number, EngineBasisRow[]>> {
    const found = await rows<EngineBasisRow & { image_id: string }>(
      this.database.runner,
      `select image_id, engine, engine_version, coalesce(generation_id::text, database::text) as database from image_engine_result
        where image_id = any ($1::int8[]) and has_good_result order by image_id, engine`,
      [plainArray(imageIds)],
    )
    return new Map(imageIds.map((imageId) => [imageId, found.filter((row) => Number(row.image_id) === imageId)]))
  }
}
