import type { FindingStanding } from '@pharos/contracts'
import { publicFindingId } from '../findings/finding-identity.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { packageRefOf } from '../packages/package-view.js'
import type { MomentPackageRow, MomentRow } from './diff.repository.js'
import { type DatedCause, differenceOfFinding, differencesOfPackages, type PlacedDifference } from './difference.js'

/** Differences of an image between two moments. */
export function compareMoments(findings: readonly MomentRow[], packages: readonly MomentPackageRow[]): PlacedDifference[] {
  return [...packageDifferences(packages), ...findings.flatMap((row) => differenceOfFinding(comparedOf(row)) ?? [])]
}

/** Occurrences that one catalogue sees and the other does not are paired by type and name: a version that was read otherwise. */
function packageDifferences(rows: readonly MomentPackageRow[]): PlacedDifference[] {
  const groups = new Map<string, { type: string; name: string; rows: MomentPackageRow[] }>()
  for (const row of rows) {
    const [type, name] = [row.after_type ?? row.before_type ?? '', row.after_name ?? row.before_name ?? '']
    const key = JSON.stringify([type, name])
    const group = groups.get(key) ?? { type: originalText(type), name: originalText(name), rows: [] }
    group.rows.push(row)
    groups.set(key, group)
  }
  return [...groups.values()].flatMap((group) =>
    differencesOfPackages({
      type: group.type,
      name: group.name,
      before: group.rows.flatMap((row) => packageOf(row.before_type, row.before_name, row.before_version, row.before_purl)),
      after: group.rows.flatMap((row) => packageOf(row.after_type, row.after_name, row.after_version, row.after_purl)),
      // The first catalogue of an image shows all its packages; a later one is another look at the same image.
      cause: group.rows.every(({ is_first }) => is_first) ? 'image' : 'catalogue',
      at: group.rows.reduce<Date | null>((last, { at }) => (last === null || (at !== null && at > last) ? at : last), null),
    }),
  )
}

function packageOf(type: string | null, name: string | null, version: string | null, purl: string | null) {
  return type === null || name === null || version === null ? [] : [packageRefOf({ type, name, version, purl })]
}

function comparedOf(row: MomentRow) {
  return {
    id: publicFindingId('f', row.id),
    vulnerability: originalText(row.canonical_id),
    package: packageRefOf(row),
    engine: engineOf(row.engine),
    before: standingOf(row.before_open, row.before_severity, row.before_fix_state, row.before_is_kev, row.before_decision),
    after: standingOf(row.after_open, row.after_severity, row.after_fix_state, row.after_is_kev, row.after_decision),
    causes: {
      // Without an event the finding came with the first result of its engine.
      flip: dated(row.flip_cause, row.flip_at) ?? { cause: 'image' as const, at: row.first_seen_at },
      facts: dated(row.fact_cause, row.fact_at),
      decision:
        row.decision_source === null
          ? null
          : { cause: row.decision_source === 'vex' ? ('vex' as const) : ('decision' as const), at: row.decision_at },
    },
  }
}

function standingOf(isOpen: boolean, severity: number, fixState: number, kev: boolean, decision: string | null): FindingStanding | null {
  return isOpen ? { severity: severityOf(severity), fixState: fixStateOf(fixState), kev, decision } : null
}

function dated(cause: DatedCause['cause'] | null, at: Date | null): DatedCause | null {
  return cause === null ? null : { cause, at }
}
