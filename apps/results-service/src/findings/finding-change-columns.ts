/** What a row of changes tells of a finding: its package and vulnerability, both sides of the change. All null in rows of other sources. */
export interface FindingChangeColumns {
  finding_id: string | null
  engine: number | null
  canonical_id: string | null
  type: string | null
  name: string | null
  version: string | null
  purl: string | null
  before_severity: number | null
  before_fix_state: number | null
  before_is_kev: boolean | null
  severity: number | null
  fix_state: number | null
  is_kev: boolean | null
  generation_id: string | null
}
