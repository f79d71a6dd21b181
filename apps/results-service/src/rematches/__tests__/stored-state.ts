import type { Rematches } from './rematch-harness.js'

/** Everything that people can see of findings, in a form that two databases can be compared by. */
export async function storedState({ query }: Pick<Rematches, 'query'>) {
  return {
    findings: await query(
      `select f.id, i.digest, f.engine, p.name, f.occurrence, v.native_id, v.namespace, f.severity, f.fix_state, f.is_kev, f.is_open, m.fix_state as match_fix
         from finding f join image i on i.id = f.image_id join package p on p.id = f.package_id join vulnerability v on v.id = f.vulnerability_id
         join package_match m on m.id = f.match_id where f.is_open order by 1`,
    ),
    gone: await query(
      `select f.id, i.digest, p.name from finding f join image i on i.id = f.image_id join package p on p.id = f.package_id where not f.is_open order by 1`,
    ),
    content: await query(
      `select f.id, m.content_hash, m.is_open from finding f join package_match m on m.id = f.match_id where f.is_open order by 1`,
    ),
    summaries: await query(
      `select i.digest, s.engine, critical, high, medium, low, negligible, unknown, fixable, kev, suppressed, s.max_risk, i.max_risk as image_max_risk
         from image_summary s join image i on i.id = s.image_id order by 1, 2`,
    ),
    vulnerabilities: await query(
      `select v.native_id, v.namespace, v.severity, v.content_hash, g.canonical_id, s.risk, s.epss, s.body from vulnerability v join vulnerability_group g on g.id = v.group_id
         left join vulnerability_score s on s.vulnerability_id = v.id where exists (select from finding f where f.vulnerability_id = v.id and f.is_open) order by 1, 2`,
    ),
    results: await query(
      `select i.digest, r.engine, g.built_at from image_engine_result r join image i on i.id = r.image_id left join database_generation g on g.id = r.generation_id order by 1, 2`,
    ),
  }
}

/** Open matches of the packages that can be matched apart from their images. */
export function openMatches({ query }: Pick<Rematches, 'query'>) {
  return query<{ name: string; native_id: string; content_hash: string }>(
    `select p.name, v.native_id, m.content_hash from package_match m join package p on p.id = m.package_id join vulnerability v on v.id = m.vulnerability_id
      where m.is_open and exists (select from package_input i where i.package_id = p.id) order by 1, 2`,
  )
}
