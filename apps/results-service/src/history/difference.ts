import {
  type ChangeCause,
  type Difference,
  type FindingStanding,
  type PackageRef,
  severityRank,
  suppressingStatuses,
} from '@pharos/contracts'

/** A difference and its place in the list. */
export interface PlacedDifference {
  /** Packages first, then findings from the most severe; unique and of bounded length. */
  readonly key: string
  readonly difference: Difference
}

/** What two sides of a comparison tell of a finding that stands on at least one of them. */
export interface ComparedFinding {
  readonly id: string
  readonly vulnerability: string
  readonly package: PackageRef
  readonly engine: 'grype' | 'trivy'
  /** null: it was not open. */
  readonly before: FindingStanding | null
  readonly after: FindingStanding | null
  /** Why it opened or closed, why its facts changed, and why it was decided upon. */
  readonly causes: {
    readonly flip: DatedCause | null
    readonly facts: DatedCause | null
    readonly decision: DatedCause | null
  }
}

/** A cause, and when it took effect; null between two images. */
export interface DatedCause {
  readonly cause: ChangeCause
  readonly at: Date | null
}

const suppressing: ReadonlySet<string> = suppressingStatuses
const cut = (text: string): string => text.slice(0, 100)

/** Whether a finding counts: it is open, and no decision suppresses it. */
export function counts(standing: FindingStanding | null): boolean {
  return standing !== null && !suppressing.has(standing.decision ?? '')
}

const hasSameFacts = (one: FindingStanding | null, other: FindingStanding | null): boolean =>
  one?.severity === other?.severity && one?.fixState === other?.fixState && one?.kev === other?.kev

/** The later of the causes that there are. */
function latest(...causes: (DatedCause | null)[]): DatedCause | null {
  return causes.reduce((best, next) => {
    if (best === null || next === null) return best ?? next
    return (next.at?.getTime() ?? 0) > (best.at?.getTime() ?? 0) ? next : best
  }, null)
}

/** The difference of a finding; null when it counts on neither side, or is the same on both. */
export function differenceOfFinding(finding: ComparedFinding): PlacedDifference | null {
  const { before, after, id, vulnerability, engine } = finding
  const counted = { before: counts(before), after: counts(after) }
  if (!counted.before && !counted.after) return null
  const change = !counted.before ? 'added' : !counted.after ? 'removed' : 'changed'
  if (change === 'changed' && hasSameFacts(before, after) && before?.decision === after?.decision) return null
  const dated = change === 'changed' ? causeOfChange(finding) : causeOfTurn(finding)
  const severity = (counted.after ? after : before)?.severity ?? 'unknown'
  return {
    key: `1|${5 - severityRank[severity]}|${cut(vulnerability)}|${cut(finding.package.name)}|${id}`,
    difference: {
      subject: 'finding',
      change,
      cause: dated?.cause ?? 'image',
      at: dated?.at?.toISOString() ?? null,
      id,
      vulnerability,
      package: finding.package,
      engine,
      before,
      after,
    },
  }
}

/** Of one that counts on both sides: its facts changed, or only the decision did. */
function causeOfChange({ before, after, causes }: ComparedFinding): DatedCause | null {
  return hasSameFacts(before, after) ? causes.decision : (causes.facts ?? causes.flip ?? causes.decision)
}

/** Of one that counts on one side: it was opened or closed, or a decision began or ceased to suppress it; of both the later. */
function causeOfTurn({ before, after, causes }: ComparedFinding): DatedCause | null {
  const hasFlipped = (before === null) !== (after === null)
  if (!hasFlipped) return causes.decision ?? causes.flip
  const isDecided = suppressing.has(before?.decision ?? '') !== suppressing.has(after?.decision ?? '')
  return isDecided ? latest(causes.flip, causes.decision) : causes.flip
}

/** Packages of one type and name on both sides, each version once. */
export interface ComparedPackages {
  readonly type: string
  readonly name: string
  readonly before: readonly PackageRef[]
  readonly after: readonly PackageRef[]
  readonly cause: ChangeCause
  readonly at: Date | null
}

/** One version that makes room for one other is a change; anything else is a removal or an addition each. */
export function differencesOfPackages(compared: ComparedPackages): PlacedDifference[] {
  const gone = missing(compared.before, compared.after)
  const come = missing(compared.after, compared.before)
  const place = (position: number): string => `0|${cut(compared.type)}|${cut(compared.name)}|${String(position).padStart(6, '0')}`
  const made = { cause: compared.cause, at: compared.at?.toISOString() ?? null, subject: 'package' as const }
  const [before, after] = [gone[0], come[0]]
  if (gone.length === 1 && come.length === 1 && before !== undefined && after !== undefined)
    return [{ key: place(0), difference: { ...made, change: 'changed', before, after } }]
  return [
    ...gone.map((item) => ({ ...made, change: 'removed' as const, before: item, after: null })),
    ...come.map((item) => ({ ...made, change: 'added' as const, before: null, after: item })),
  ].map((difference, position) => ({ key: place(position), difference }))
}

/** Those of `items` whose version `others` do not have, in the order of versions, each once. */
function missing(items: readonly PackageRef[], others: readonly PackageRef[]): PackageRef[] {
  const known = new Set(others.map(({ version }) => version))
  const unique = new Map(items.filter(({ version }) => !known.has(version)).map((item) => [item.version, item]))
  return [...unique.values()].sort((one, other) => (one.version < other.version ? -1 : 1))
}

/** How many differences there are of each kind. */
export function countDifferences(all: readonly PlacedDifference[]) {
  const zero = () => ({ added: 0, removed: 0, changed: 0 })
  const result = { packages: zero(), findings: zero() }
  for (const { difference } of all) result[difference.subject === 'package' ? 'packages' : 'findings'][difference.change] += 1
  return result
}
