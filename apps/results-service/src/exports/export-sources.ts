import type { ExportedFinding, ExportedImage, ExportedPackage, ExportedWorkload, ExportLine, ExportResource } from '@pharos/contracts'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { visible } from '../inventory/visibility.js'
import { packageRefOf } from '../packages/package-view.js'

/** How rows of a resource are read and written as lines. */
export interface ExportSource {
  /** Rows in the order of their keys: `chosen` is the query of the resource's rows of one batch, `scope` the number of the scope's parameter. */
  readonly select: (chosen: string, scope: number) => string
  readonly table: string
  readonly keyType: 'uuid' | 'int8'
  /** Below every key: a comparison alone is served by the index, also for the first batch. */
  readonly firstKey: string
  /** What of the resource's row `x` the caller may see, and what of it is exported at all. */
  readonly isShown: (scope: number) => string
  readonly lineOf: (row: never) => ExportLine
}

const inScope = (repository: string, scope: number): string => `($${scope}::text[] is null or ${repository} like any ($${scope}::text[]))`

interface FindingExportRow {
  id: string
  engine: number
  digest: string
  canonical_id: string
  native_id: string
  namespace: string
  type: string
  name: string
  version: string
  purl: string | null
  severity: number
  risk: number
  epss: number | null
  is_kev: boolean
  fix_state: number
  match_body: { fixVersions: string[] } | null
  is_open: boolean
  is_suppressed: boolean
  decision: ExportedFinding['decision']
  first_seen_at: Date
  last_seen_at: Date
}

function findingLine(row: FindingExportRow): ExportLine {
  const item: ExportedFinding = {
    id: `f_${row.id.replaceAll('-', '')}`,
    image: row.digest,
    engine: engineOf(row.engine),
    vulnerability: originalText(row.canonical_id),
    nativeId: originalText(row.native_id),
    namespace: originalText(row.namespace),
    package: packageRefOf(row),
    severity: severityOf(row.severity),
    risk: row.risk,
    epss: row.epss,
    kev: row.is_kev,
    fix: { state: fixStateOf(row.fix_state), versions: row.match_body?.fixVersions ?? [] },
    state: row.is_open ? 'open' : 'gone',
    decision: row.decision,
    isSuppressed: row.is_suppressed,
    firstSeenAt: row.first_seen_at.toISOString(),
    lastSeenAt: row.last_seen_at.toISOString(),
  }
  return { type: 'finding', item }
}

interface ImageExportRow {
  digest: string
  references: string[]
  platform: string
  distro: string | null
  size_bytes: string
  package_count: number
  max_risk: number
  engines: ImageEngineRow[]
  created_at: Date | null
  first_seen_at: Date
  last_scanned_at: Date
  deleted_from_registry_at: Date | null
}

interface ImageEngineRow extends Record<'critical' | 'high' | 'medium' | 'low' | 'negligible' | 'unknown', number> {
  engine: number
  status: string
  engine_version: string | null
  built_at: string | null
  scanned_at: string
  last_attempt_failed: boolean
  fixable: number
  kev: number
  suppressed: number
}

function imageLine(row: ImageExportRow): ExportLine {
  const item: ExportedImage = {
    digest: row.digest,
    references: row.references.map(originalText),
    platform: originalText(row.platform),
    distro: row.distro && originalText(row.distro),
    sizeBytes: Number(row.size_bytes),
    packageCount: row.package_count,
    maxRisk: row.max_risk,
    engines: row.engines.map(({ critical, high, medium, low, negligible, unknown, ...engine }) => ({
      engine: engineOf(engine.engine),
      status: engine.status,
      engineVersion: engine.engine_version,
      databaseBuiltAt: engine.built_at,
      scannedAt: new Date(engine.scanned_at).toISOString(),
      lastAttemptFailed: engine.last_attempt_failed,
      counts: { critical, high, medium, low, negligible, unknown },
      fixable: engine.fixable,
      kev: engine.kev,
      suppressed: engine.suppressed,
    })),
    createdAt: row.created_at?.toISOString() ?? null,
    firstSeenAt: row.first_seen_at.toISOString(),
    lastScannedAt: row.last_scanned_at.getTime() === 0 ? null : row.last_scanned_at.toISOString(),
    deletedFromRegistryAt: row.deleted_from_registry_at?.toISOString() ?? null,
  }
  return { type: 'image', item }
}

interface PackageExportRow {
  type: string
  name: string
  version: string
  purl: string | null
  language: string | null
  distro: string | null
  images: number
}

function packageLine(row: PackageExportRow): ExportLine {
  const item: ExportedPackage = {
    ...packageRefOf(row),
    language: row.language && originalText(row.language),
    distro: row.distro && originalText(row.distro),
    images: row.images,
  }
  return { type: 'package', item }
}

interface WorkloadExportRow {
  cluster: string
  namespace: string
  kind: string
  name: string
  container: string
  digest: string
  image_digest: string | null
  reference: string
  platform: string
  owner: string | null
  since: Date
}

function workloadLine(row: WorkloadExportRow): ExportLine {
  const item: ExportedWorkload = {
    cluster: originalText(row.cluster),
    namespace: originalText(row.namespace),
    kind: originalText(row.kind),
    name: originalText(row.name),
    container: originalText(row.container),
    image: row.image_digest,
    observedDigest: row.digest === '' ? null : row.digest,
    reference: originalText(row.reference),
    platform: originalText(row.platform),
    owner: row.owner && originalText(row.owner),
    since: row.since.toISOString(),
  }
  return { type: 'workload', item }
}

const counts = ['critical', 'high', 'medium', 'low', 'negligible', 'unknown', 'fixable', 'kev', 'suppressed']

/** Resources that can be exported. */
export const exportSources: Readonly<Record<ExportResource, ExportSource>> = {
  findings: {
    table: 'finding',
    keyType: 'uuid',
    firstKey: '00000000-0000-0000-0000-000000000000',
    isShown: (scope) => visible('x.image_id', scope),
    select: (chosen) =>
      `select f.id, f.engine, i.digest, g.canonical_id, v.native_id, v.namespace, p.type, p.name, p.version, p.purl, f.severity, coalesce(s.risk, 0) as risk, s.epss,
              f.is_kev, f.fix_state, m.body as match_body, f.is_open, f.is_suppressed, d.status as decision, f.first_seen_at, coalesce(f.last_seen_at, r.scanned_at, f.first_seen_at) as last_seen_at, f.id as key
         from (${chosen}) f join image i on i.id = f.image_id
         join vulnerability v on v.id = f.vulnerability_id join vulnerability_group g on g.id = v.group_id left join vulnerability_score s on s.vulnerability_id = v.id
         join package p on p.id = f.package_id left join package_match m on m.id = f.match_id left join finding_decision d on d.finding_id = f.id
         left join image_engine_result r on r.image_id = f.image_id and r.engine = f.engine
        order by f.id`,
    lineOf: findingLine,
  },
  images: {
    table: 'image',
    keyType: 'int8',
    firstKey: '0',
    isShown: (scope) => visible('x.id', scope),
    select: (chosen, scope) =>
      `select i.digest, i.platform, i.distro, i.size_bytes, i.package_count, i.max_risk, i.created_at, i.first_seen_at, i.last_scanned_at, i.deleted_from_registry_at, i.id as key,
              array(select distinct case r.tag when '' then r.repository || '@' || i.digest else r.repository || ':' || r.tag end
                      from image_reference r where r.image_id = i.id and r.until is null and ${inScope('r.repository', scope)} order by 1) as "references",
              coalesce((select json_agg(json_build_object('engine', r.engine, 'status', r.status, 'engine_version', r.engine_version, 'built_at', r.database->>'builtAt', 'scanned_at', r.scanned_at,
                          'last_attempt_failed', r.last_attempt_failed, ${counts.map((column) => `'${column}', coalesce(s.${column}, 0)`).join(', ')}) order by r.engine)
                          from image_engine_result r left join image_summary s on s.image_id = r.image_id and s.engine = r.engine where r.image_id = i.id), '[]') as engines
         from (${chosen}) i order by i.id`,
    lineOf: imageLine,
  },
  packages: {
    table: 'package',
    keyType: 'int8',
    firstKey: '0',
    isShown: (scope) =>
      `exists (select from image_package o where o.package_id = x.id and o.is_present and ${visible('o.image_id', scope)})`,
    select: (chosen, scope) =>
      `select p.type, p.name, p.version, p.purl, p.language, p.distro, p.id as key,
              (select count(distinct o.image_id)::int from image_package o where o.package_id = p.id and o.is_present and ${visible('o.image_id', scope)}) as images
         from (${chosen}) p order by p.id`,
    lineOf: packageLine,
  },
  workloads: {
    table: 'workload',
    keyType: 'int8',
    firstKey: '0',
    isShown: (scope) => `x.until is null and ${inScope('x.repository', scope)}`,
    select: (chosen) =>
      `select w.cluster, w.namespace, w.kind, w.name, w.container, w.digest, i.digest as image_digest, w.reference, w.platform, w.owner, w.since, w.id as key
         from (${chosen}) w left join image i on i.id = w.image_id order by w.id`,
    lineOf: workloadLine,
  },
}
