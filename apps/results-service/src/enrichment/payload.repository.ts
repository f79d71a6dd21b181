import { Injectable } from '@nestjs/common'
import type { ReportVulnerability } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { rows, type SqlRunner } from '../database/sql.js'
import { idsOfImage } from '../findings/finding-identity.js'
import { speaksFirst } from '../findings/finding-merge.js'
import { plainArray } from '../ingest/array-parameter.js'
import type { OccurrenceDetail } from '../packages/image-package-store.js'
import { subjectKinds } from './due-subjects.js'

/** What enrichers run on. */
export interface SubjectRow {
  /** 0 for one that is not kept. */
  id: string
  image_id: string
  kind: number
  key: string
  workload_id: string | null
}

/** The own facts of a subject: a submitted context, or a workload. */
export interface SubjectFactsRow {
  id: string
  submitted: Record<string, unknown> | null
  submitted_at: Date | null
  reference: string | null
  workload: {
    cluster: string
    namespace: string
    kind: string
    name: string
    container: string
    owner: string | null
    labels: Record<string, string>
    since: string
  } | null
}

/** An image with all of its own that enrichers see. Texts are as stored. */
export interface PayloadImageRow {
  id: string
  digest: string
  platform: string
  config_digest: string | null
  size_bytes: string
  annotations: Record<string, string>
  labels: Record<string, string>
  diff_ids: string[]
  distro: string | null
  created_at: Date | null
  first_seen_at: Date
  last_scanned_at: Date
  index_digest: string | null
  references: { repository: string; tag: string }[]
  engines:
    | { engine: number; status: string; engine_version: string | null; database: { builtAt: string | null } | null; scanned_at: string }[]
    | null
  base: { digest: string | null; reference: string | null; source: string; layer_count: number | null; references: string[] } | null
}

export interface PayloadFindingRow {
  image_id: string
  id: string
  engine: number
  severity: number
  fix_state: number
  is_kev: boolean
  is_suppressed: boolean
  first_seen_at: Date
  last_seen_at: Date | null
  vulnerability_id: string
  package_id: string
  occurrence: string
  match_body: { fixVersions: string[] }
  decision: string | null
}

export interface PayloadPackageRow {
  image_id: string
  occurrence: string
  package_id: string
  is_present: boolean
  detail: OccurrenceDetail
}

/** A package, once for all images of a chunk. */
export interface PackageFactsRow {
  id: string
  type: string
  name: string
  version: string
  purl: string | null
  detail: { cpes: string[] }
}

/** A vulnerability, once for all images of a chunk. */
export interface VulnerabilityFactsRow {
  id: string
  native_id: string
  namespace: string
  canonical_id: string
  severity: number
  body: Pick<ReportVulnerability, 'aliases' | 'cvss' | 'dataSource' | 'urls' | 'description' | 'cwes'>
  risk: number | null
  score: string | null
}

/** Reads what enrichers get, set by set: one statement for all images of a chunk. */
@Injectable()
export class PayloadRepository {
  subjects(runner: SqlRunner, ids: readonly number[]): Promise<SubjectRow[]> {
    return rows<SubjectRow>(
      runner,
      'select s.id, s.image_id, s.kind, s.key, s.workload_id from enrichment_subject s join image i on i.id = s.image_id where s.id = any ($1::int8[]) order by s.image_id, s.id',
      [plainArray(ids)],
    )
  }

  subjectFacts(runner: SqlRunner, subjects: readonly SubjectRow[]): Promise<SubjectFactsRow[]> {
    return rows<SubjectFactsRow>(
      runner,
      `select t.n as id, c.data as submitted, c.updated_at as submitted_at, w.reference,
              case when w.id is not null then json_build_object('cluster', w.cluster, 'namespace', w.namespace, 'kind', w.kind, 'name', w.name, 'container', w.container,
                'owner', w.owner, 'labels', w.labels, 'since', w.since) end as workload
         from unnest($1::int8[], $2::int8[], $3::int2[], $4::text[], $5::int8[]) as t(n, image_id, kind, key, workload_id) join image i on i.id = t.image_id
         left join image_context c on t.kind = ${subjectKinds.submitted} and c.digest = i.digest and c.key = t.key and c.owner = 'submit'
         left join workload w on w.id = t.workload_id`,
      [
        plainArray(subjects.map((_subject, position) => position)),
        plainArray(subjects.map(({ image_id }) => image_id)),
        plainArray(subjects.map(({ kind }) => kind)),
        subjects.map(({ key }) => key),
        plainArray(subjects.map(({ workload_id }) => workload_id)),
      ],
    )
  }

  /** References that are out of the scope are left out. */
  images(runner: SqlRunner, ids: readonly string[], scope: VisibleRepositories): Promise<PayloadImageRow[]> {
    return rows<PayloadImageRow>(
      runner,
      `select i.id, i.digest, i.platform, i.config_digest, i.size_bytes, i.annotations, i.labels, i.diff_ids, i.distro, i.created_at, i.first_seen_at, i.last_scanned_at,
              (select min(x.index_digest) from image_index x where x.manifest_digest = i.digest) as index_digest,
              coalesce((select json_agg(json_build_object('repository', r.repository, 'tag', r.tag) order by r.since desc, r.id desc)
                 from image_reference r where r.image_id = i.id and r.until is null and ($2::text[] is null or r.repository like any ($2::text[]))), '[]') as "references",
              (select json_agg(json_build_object('engine', r.engine, 'status', r.status, 'engine_version', r.engine_version, 'database', r.database, 'scanned_at', r.scanned_at) order by r.engine)
                 from image_engine_result r where r.image_id = i.id) as engines,
              (select json_build_object('digest', coalesce(bi.digest, b.base_digest), 'reference', b.base_reference, 'source', b.source, 'layer_count', b.layer_count,
                        'references', coalesce((select json_agg(br.repository || ':' || br.tag order by br.repository, br.tag) from image_reference br
                                                 where br.image_id = b.base_image_id and br.until is null and br.tag <> '' and ($2::text[] is null or br.repository like any ($2::text[]))), '[]'))
                 from image_base b left join image bi on bi.id = b.base_image_id where b.image_id = i.id) as base
         from image i where i.id = any ($1::int8[])`,
      [plainArray(ids), scope],
    )
  }

  /** Open findings; what several engines report alike is told once, by the first of them, as lists of findings do. */
  findings(runner: SqlRunner, images: readonly string[]): Promise<PayloadFindingRow[]> {
    return rows<PayloadFindingRow>(
      runner,
      `select f.image_id, f.id, f.engine, f.severity, f.fix_state, f.is_kev, f.is_suppressed, f.first_seen_at, f.last_seen_at, f.vulnerability_id, f.package_id, f.occurrence,
              m.body as match_body, d.status as decision
         from image i join finding f on f.image_id = i.id and ${idsOfImage('f.id', 'i.digest')} and f.is_open
         join package_match m on m.id = f.match_id left join finding_decision d on d.finding_id = f.id
        where i.id = any ($1::int8[]) and ${speaksFirst(() => 'true')('f')}`,
      [plainArray(images)],
    )
  }

  packages(runner: SqlRunner, images: readonly string[]): Promise<PayloadPackageRow[]> {
    return rows<PayloadPackageRow>(
      runner,
      'select image_id, occurrence, package_id, is_present, detail from image_package where image_id = any ($1::int8[])',
      [plainArray(images)],
    )
  }

  packageFacts(runner: SqlRunner, ids: readonly string[]): Promise<PackageFactsRow[]> {
    return rows<PackageFactsRow>(runner, 'select id, type, name, version, purl, detail from package where id = any ($1::int8[])', [
      plainArray(ids),
    ])
  }

  vulnerabilityFacts(runner: SqlRunner, ids: readonly string[]): Promise<VulnerabilityFactsRow[]> {
    return rows<VulnerabilityFactsRow>(
      runner,
      `select v.id, v.native_id, v.namespace, g.canonical_id, v.severity, v.body, s.risk, s.body as score
         from vulnerability v join vulnerability_group g on g.id = v.group_id left join vulnerability_score s on s.vulnerability_id = v.id where v.id = any ($1::int8[])`,
      [plainArray(ids)],
    )
  }
}
