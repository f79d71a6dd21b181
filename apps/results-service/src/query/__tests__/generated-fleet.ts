import type { SqlRunner } from '../../database/sql.js'
import { subjectKinds, workloadKey } from '../../enrichment/due-subjects.js'
import { idsOfImage } from '../../findings/finding-identity.js'

/** Size of a generated fleet. */
export interface FleetSize {
  readonly images: number
  readonly packagesPerImage: number
  readonly packages: number
  readonly vulnerabilities: number
}

/** A number of 0 to 1 that looks random and is the same in each run. */
const chance = (seed: number, ...parts: string[]): string =>
  `((hashtextextended(${parts.map((part) => `(${part})::text`).join(` || '/' || `)}, ${seed}) & 1048575) / 1048576.0)`

/**
 * Fills the tables with a fleet whose shape is like a real one: few packages and vulnerabilities are in most images and most
 * are in few, risk is mostly low. It is made of SQL: the reports of such a fleet would take minutes. Statistics are renewed.
 */
export async function generateFleet(runner: SqlRunner, size: FleetSize): Promise<void> {
  const { images, packagesPerImage, packages, vulnerabilities } = size
  const statements = [
    `insert into vulnerability_group (id, seed, canonical_id) overriding system value select n, 'CVE-' || n, 'CVE-' || 2000 + n % 26 || '-' || n from generate_series(1, ${vulnerabilities}) n`,
    `insert into vulnerability_alias (alias_hash, group_id, alias, is_member)
     select encode(substring(sha256(convert_to('["' || canonical_id || '"]', 'UTF8')) for 16), 'hex')::uuid, id, canonical_id, true from vulnerability_group`,
    // Every tenth is known to the second engine too, under a record of its own.
    `insert into vulnerability (id, key_hash, content_hash, group_id, native_id, namespace, severity, severity_given, body) overriding system value
     select n, md5('v' || n)::uuid, md5('c' || n)::uuid, case when n > ${vulnerabilities} then (n - ${vulnerabilities}) * 10 else n end, 'CVE-' || n,
            case when n > ${vulnerabilities} then 'trivy' else 'debian:distro:debian:' || 10 + n % 3 end, floor(${chance(1, 'n')} * 6), 'x',
            '{"aliases":[],"cvss":[],"dataSource":null,"urls":[],"description":null,"cwes":[]}'
       from generate_series(1, ${Math.floor(vulnerabilities * 1.1)}) n`,
    `insert into vulnerability_score (vulnerability_id, risk, epss, body)
     select id, (case when namespace = 'trivy' then 0 else ${chance(2, 'id')} ^ 4 * 100 end)::real, case when id % 5 = 0 then null else ${chance(3, 'id')} ^ 6 end, '{"epss":null,"kev":null}' from vulnerability`,
    `insert into package (id, hash, type, name, version, purl, distro, language, detail) overriding system value
     select n, md5('p' || n)::uuid, (array['deb', 'npm', 'python', 'java-archive', 'go-module'])[1 + (n / 5) % 5], 'package-' || n / 5, '1.' || n % 5 || '.0', null, null, null, '{"upstreams":[],"cpes":[]}'
       from generate_series(1, ${packages}) n`,
    `insert into package_match (package_id, vulnerability_id, engine, fix_state, content_hash, body)
     select p, v, case when v > ${vulnerabilities} then 2 else 1 end, n % 4, md5('')::uuid, '{"fixVersions":[],"fixAvailable":[],"details":[]}'
       from (select p.id as p, k as n, 1 + floor(${chance(4, 'p.id', 'k')} ^ 2 * ${Math.floor(vulnerabilities * 1.1)})::int as v
               from package p cross join generate_series(1, 2) k where ${chance(5, 'p.id', 'k')} < 0.6) x
     on conflict do nothing`,
    `insert into image (id, digest, media_type, platform, size_bytes, layers, annotations, distro, package_count, max_risk, first_seen_at, last_scanned_at, packages_hash) overriding system value
     select n, 'sha256:' || encode(sha256(convert_to('i' || n, 'UTF8')), 'hex'), 'x', 'linux/amd64', 1000, '[]', '{}', 'debian ' || 10 + n % 3, ${packagesPerImage}, ${chance(6, 'n')} * 100,
            timestamptz '2026-11-24' - n * interval '1 minute', timestamptz '2026-11-24' - n * interval '1 second', md5('')::uuid
       from generate_series(1, ${images}) n`,
    `insert into image_reference (repository, tag, platform, image_id, since)
     select 'registry.example/team-' || id % 50 || '/app-' || id / 5, 'v' || id % 5, platform, id, first_seen_at from image`,
    `insert into image_package (image_id, occurrence, package_id, detail)
     select i.id, md5('o' || i.id || '/' || p)::uuid, p, '{"locations":[{"path":"/place","layer":null}],"licenses":[],"foundBy":null}'
       from image i cross join lateral (select distinct 1 + floor(${chance(7, 'i.id', 'k')} ^ 2 * ${packages})::int as p from generate_series(1, ${packagesPerImage}) k) x`,
    `insert into finding (id, image_id, occurrence, package_id, vulnerability_id, match_id, first_seen_at, engine, severity, fix_state, is_kev, is_suppressed)
     select (left(encode(sha256(convert_to('["' || i.digest || '"]', 'UTF8')), 'hex'), 8) || right(md5(o.occurrence || '/' || m.id), 24))::uuid, i.id, o.occurrence, o.package_id, m.vulnerability_id, m.id,
            i.first_seen_at, m.engine, v.severity, m.fix_state, v.id % 50 = 0, false
       from image i join image_package o on o.image_id = i.id join package_match m on m.package_id = o.package_id join vulnerability v on v.id = m.vulnerability_id`,
    `insert into finding_decision (finding_id, image_id, status, version, source, decided_by, decided_at) select id, image_id, 'accepted', 1, 'triage', 'x', now() from finding where package_id % 997 = 0`,
    `update finding f set is_suppressed = true from finding_decision d where d.finding_id = f.id`,
    `insert into image_engine_result (image_id, engine, status, reasons, scanned_at, has_good_result, last_attempt_failed, attempted_at)
     select id, e, 'complete', '[]', last_scanned_at, true, false, last_scanned_at from image cross join generate_series(1, 2) e`,
    `insert into image_summary (image_id, engine, critical, high, medium, low, negligible, unknown, fixable, kev, max_risk)
     select image_id, engine, count(*) filter (where severity = 5), count(*) filter (where severity = 4), 0, 0, 0, 0, 0, count(*) filter (where is_kev), 0 from finding group by 1, 2`,
    `insert into workload (cluster, namespace, kind, name, container, digest, image_id, platform, reference, repository, owner, since)
     select 'cluster-' || i.id % 3, 'namespace-' || i.id % 40, 'Deployment', 'app-' || i.id, 'main', i.digest, i.id, i.platform, r.repository || ':' || r.tag, r.repository, 'team-' || i.id % 50, i.first_seen_at
       from image i join image_reference r on r.image_id = i.id where i.id % 4 = 0`,
    `insert into enrichment_subject (image_id, kind, key, cluster, workload_id)
     select id, ${subjectKinds.image}, '', null, null from image
     union all select w.image_id, ${subjectKinds.workload}, ${workloadKey('w')}, w.cluster, w.id from workload w`,
    `insert into enrichment_context (subject_id, owner, set_id, data, updated_at)
     select s.id, o, '00000000-0000-0000-0000-000000000000', '{"team":"x"}', now() from enrichment_subject s cross join unnest(array['owner', 'risk', 'support']) o`,
    `insert into context_label (subject_id, name, value) select s.id, n, 'value-' || s.image_id % 50 from enrichment_subject s cross join unnest(array['owner.team', 'risk.class', 'support.until']) n`,
  ]
  for (const statement of statements) await runner.query(statement)
  const [odd] = (await runner.query(
    `select count(*) as count from finding f join image i on i.id = f.image_id where not (${idsOfImage('f.id', 'i.digest')})`,
  )) as { count: string }[]
  if (odd?.count !== '0') throw new Error('the ids of generated findings do not begin with those of their images')
  await runner.query(
    `insert into image_base (image_id, base_image_id, layer_count, source) select id, 1, 1, 'prefix' from image where id > 1`,
  )
  await runner.query('vacuum analyze')
}
