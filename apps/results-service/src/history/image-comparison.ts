import type { ChangeCause, FindingStanding } from '@pharos/contracts'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { publicFindingId } from '../findings/finding-identity.js'
import { packageRefOf } from '../packages/package-view.js'
import type { EngineBasisRow, PresentFindingRow, PresentPackageRow } from './diff.repository.js'
import { type ComparedFinding, counts, differenceOfFinding, differencesOfPackages, type PlacedDifference } from './difference.js'

/** What is known of one of two images that are compared. */
export interface ComparedImage {
  readonly findings: readonly PresentFindingRow[]
  readonly packages: readonly PresentPackageRow[]
  readonly engines: readonly EngineBasisRow[]
}

/**
 * Differences of two images. A finding is the same in both when its vulnerability (with all its aliases) and its package's type and
 * name are: places differ from image to image, and either engine may tell it.
 */
export function compareImages(before: ComparedImage, after: ComparedImage): PlacedDifference[] {
  return [...packageDifferences(before.packages, after.packages), ...findingDifferences(before, after)]
}

function packageDifferences(before: readonly PresentPackageRow[], after: readonly PresentPackageRow[]): PlacedDifference[] {
  const left = grouped(before, packageKey)
  const right = grouped(after, packageKey)
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((key) => {
    const [one, other] = [left.get(key) ?? [], right.get(key) ?? []]
    const some = one[0] ?? other[0]
    if (some === undefined) return []
    const { type, name } = packageRefOf(some)
    return differencesOfPackages({ type, name, before: one.map(packageRefOf), after: other.map(packageRefOf), cause: 'image', at: null })
  })
}

function findingDifferences(before: ComparedImage, after: ComparedImage): PlacedDifference[] {
  const left = grouped(before.findings, findingKey)
  const right = grouped(after.findings, findingKey)
  const causes = new CauseBetweenImages(before, after)
  return [...new Set([...left.keys(), ...right.keys()])].flatMap((key) => {
    const one = speaker(left.get(key))
    const other = speaker(right.get(key))
    const shown = other ?? one
    if (shown === undefined) return []
    const difference = differenceOfFinding(comparedOf(shown, one, other, causes.of(shown)))
    return difference === null ? [] : [difference]
  })
}

function comparedOf(
  shown: PresentFindingRow,
  one: PresentFindingRow | undefined,
  other: PresentFindingRow | undefined,
  cause: ChangeCause,
): ComparedFinding {
  const dated = { cause, at: null }
  const decider = other?.decision_source ?? one?.decision_source ?? null
  return {
    id: publicFindingId('f', shown.id),
    vulnerability: originalText(shown.canonical_id),
    package: packageRefOf(shown),
    engine: engineOf(shown.engine),
    before: standingOf(one),
    after: standingOf(other),
    causes: {
      flip: dated,
      facts: dated,
      decision: decider === null ? null : { cause: decider === 'vex' ? 'vex' : 'decision', at: null },
    },
  }
}

/** Why a finding that is in one of the images is not, or is another, in the other one. */
class CauseBetweenImages {
  private readonly versions: readonly [Set<string>, Set<string>]

  constructor(
    private readonly before: ComparedImage,
    private readonly after: ComparedImage,
  ) {
    this.versions = [new Set(before.packages.map(versionKey)), new Set(after.packages.map(versionKey))]
  }

  /** The same package in both: then the engine or its database tells otherwise, or something of the image beside the package. */
  of(finding: PresentFindingRow): ChangeCause {
    if (!this.versions.every((versions) => versions.has(versionKey(finding)))) return 'image'
    const [one, other] = [this.before, this.after].map(({ engines }) => engines.find(({ engine }) => engine === finding.engine))
    if (one === undefined || other === undefined || one.engine_version !== other.engine_version) return 'engine'
    return one.database === other.database ? 'image' : 'database'
  }
}

/** Of the findings of one vulnerability and package the one that counts and is the most severe; the first of equals. */
function speaker(found: readonly PresentFindingRow[] = []): PresentFindingRow | undefined {
  return [...found].sort(
    (one, other) => Number(counts(standingOf(other))) - Number(counts(standingOf(one))) || other.severity - one.severity,
  )[0]
}

function standingOf(row: PresentFindingRow | undefined): FindingStanding | null {
  if (row === undefined) return null
  return { severity: severityOf(row.severity), fixState: fixStateOf(row.fix_state), kev: row.is_kev, decision: row.decision }
}

const packageKey = ({ type, name }: PresentPackageRow): string => JSON.stringify([type, name])
const versionKey = ({ type, name, version }: PresentPackageRow): string => JSON.stringify([type, name, version])
const findingKey = ({ group_id, type, name }: PresentFindingRow): string => JSON.stringify([group_id, type, name])

function grouped<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
