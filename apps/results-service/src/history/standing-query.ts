/**
 * SQL of what was known of findings at a past moment: the row as it is now, with the first change after the moment taken back.
 * Events before the moment are not asked, so that those beyond the horizon may be removed.
 */
export interface StandingQuery {
  /** Common table expressions; each name ends in the suffix. */
  readonly ctes: string
  /** Joins to the finding `f`. */
  readonly joins: string
  /** Condition: the finding was there and open. */
  readonly isOpen: string
  readonly severity: string
  readonly fixState: string
  readonly isKev: string
  /** Status that a decision had given it; null for none. */
  readonly decision: string
  /** Id of its package. */
  readonly packageId: string
}

/**
 * Standing of the findings of a table expression `candidates` (rows of `finding`), which is also `f` outside, at the moment of a
 * parameter, e.g. `$4`. Facts that a finding had while it was closed are those of when it closed.
 */
export function standingAt(moment: string, candidates: string, suffix: string): StandingQuery {
  const first = (name: string, columns: string, condition: string): string =>
    `${name}${suffix} as (select distinct on (e.finding_id) e.finding_id, ${columns} from later${suffix} e where ${condition} order by e.finding_id, e.id)`
  return {
    // Image by image, and kept apart by the offset: the planner takes the images for many, and would read all events that there are.
    ctes: `later${suffix} as materialized (
        select e.* from (select distinct image_id from ${candidates}) c cross join lateral (
          select e.finding_id, e.id, e.kind, e.before_severity, e.before_fix_state, e.before_is_kev, e.before_package_id
            from finding_event e where e.image_id = c.image_id and e.at > ${moment}::timestamptz offset 0) e),
      ${first('flip', 'e.kind', `e.kind in ('appeared', 'gone')`)},
      ${first('fact', 'e.before_severity, e.before_fix_state, e.before_is_kev', 'e.before_severity is not null')},
      ${first('package', 'e.before_package_id', 'e.before_package_id is not null')}`,
    joins: `left join flip${suffix} on flip${suffix}.finding_id = f.id left join fact${suffix} on fact${suffix}.finding_id = f.id
      left join package${suffix} on package${suffix}.finding_id = f.id
      left join lateral (select e.status from finding_decision_event e where e.finding_id = f.id and e.decided_at <= ${moment}::timestamptz order by e.version desc limit 1) decided${suffix} on true`,
    isOpen: `(f.first_seen_at <= ${moment}::timestamptz and case flip${suffix}.kind when 'gone' then true when 'appeared' then false else f.is_open end)`,
    severity: `coalesce(fact${suffix}.before_severity, f.severity)`,
    fixState: `coalesce(fact${suffix}.before_fix_state, f.fix_state)`,
    isKev: `coalesce(fact${suffix}.before_is_kev, f.is_kev)`,
    decision: `decided${suffix}.status`,
    // Retention removes packages that nothing leads to now; then the finding's present one is shown.
    packageId: `coalesce((select b.id from package b where b.id = package${suffix}.before_package_id), f.package_id)`,
  }
}
