/** The narrow facts of a finding, in the codes of its row. */
export interface FindingFacts {
  readonly packageId: number
  readonly vulnerabilityId: number
  readonly matchId: number
  readonly severity: number
  readonly fixState: number
  /** Of the vulnerability, 0 to 100. It decides which advisory speaks for a finding, and is not stored with it. */
  readonly risk: number
  readonly isKev: boolean
}

/** A finding that the engine reports now. */
export interface ReportedFinding extends FindingFacts {
  readonly occurrence: string
  readonly groupId: number
  readonly groupSeed: string
}

/** A finding that is stored. */
export interface StoredFinding extends FindingFacts {
  readonly id: string
  readonly occurrence: string
  /** The group that its vulnerability belongs to now. */
  readonly groupId: number
  readonly isOpen: boolean
  /** A decision says that it needs no attention. */
  readonly isSuppressed: boolean
  /** null while the newest good result shows it. */
  readonly lastSeenAt: string | null
}

/** What a report changes in the findings of an image and engine. */
export interface FindingDiff {
  readonly appeared: readonly ReportedFinding[]
  readonly reopened: readonly { readonly stored: StoredFinding; readonly now: ReportedFinding }[]
  readonly changed: readonly { readonly stored: StoredFinding; readonly now: ReportedFinding; readonly isNews: boolean }[]
  readonly gone: readonly StoredFinding[]
  /** Open ones that a partial result does not show: they stay, and were last seen in the result before. */
  readonly unseen: readonly StoredFinding[]
  /** Stored twice, since two groups of aliases turned out to be one. */
  readonly duplicates: readonly StoredFinding[]
  /** What is open after the report, but for those that a decision suppresses. */
  readonly open: readonly FindingFacts[]
  /** Open ones that a decision suppresses. */
  readonly suppressed: readonly FindingFacts[]
}

const keyOf = (finding: { occurrence: string; groupId: number }): string => `${finding.occurrence}${finding.groupId}`

/**
 * Several matches of one place and group are one finding: the one of the highest risk, then severity, then the one that was
 * stored first speaks for all.
 */
function mergeReported(reported: readonly ReportedFinding[]): Map<string, ReportedFinding> {
  const merged = new Map<string, ReportedFinding>()
  for (const finding of reported) {
    const key = keyOf(finding)
    const known = merged.get(key)
    if (known === undefined || isAhead(finding, known)) merged.set(key, finding)
  }
  return merged
}

function isAhead(one: FindingFacts, other: FindingFacts): boolean {
  const order =
    one.risk - other.risk || one.severity - other.severity || other.vulnerabilityId - one.vulnerabilityId || other.matchId - one.matchId
  return order > 0
}

/** Compares what an engine reports with what is stored. Only a whole result closes what it does not show. */
export function diffFindings(reported: readonly ReportedFinding[], stored: readonly StoredFinding[], isWhole: boolean): FindingDiff {
  const now = mergeReported(reported)
  const { kept, duplicates } = keepOnePerKey(stored)
  const appeared: ReportedFinding[] = []
  const reopened: { stored: StoredFinding; now: ReportedFinding }[] = []
  const changed: { stored: StoredFinding; now: ReportedFinding; isNews: boolean }[] = []
  const open: FindingFacts[] = []
  const suppressed: FindingFacts[] = []
  for (const [key, finding] of now) {
    const before = kept.get(key)
    if (before?.isSuppressed) suppressed.push(finding)
    else open.push(finding)
    if (before === undefined) appeared.push(finding)
    else if (!before.isOpen) reopened.push({ stored: before, now: finding })
    else if (differs(before, finding)) changed.push({ stored: before, now: finding, isNews: isNews(before, finding) })
    else if (before.lastSeenAt !== null) changed.push({ stored: before, now: finding, isNews: false })
  }
  const absent = [...kept].filter(([key, before]) => before.isOpen && !now.has(key)).map(([, before]) => before)
  return {
    appeared,
    reopened,
    changed,
    gone: isWhole ? absent : [],
    unseen: isWhole ? [] : absent.filter((finding) => finding.lastSeenAt === null),
    duplicates,
    open: isWhole ? open : [...open, ...absent.filter(({ isSuppressed }) => !isSuppressed)],
    suppressed: isWhole ? suppressed : [...suppressed, ...absent.filter(({ isSuppressed }) => isSuppressed)],
  }
}

/** Of findings that merged, an open one stays, and of these the first in the order of ids. */
function keepOnePerKey(stored: readonly StoredFinding[]): { kept: Map<string, StoredFinding>; duplicates: StoredFinding[] } {
  const kept = new Map<string, StoredFinding>()
  const duplicates: StoredFinding[] = []
  for (const finding of [...stored].sort((one, other) => Number(other.isOpen) - Number(one.isOpen) || (one.id < other.id ? -1 : 1))) {
    if (!kept.has(keyOf(finding))) kept.set(keyOf(finding), finding)
    else if (finding.isOpen) duplicates.push(finding)
  }
  return { kept, duplicates }
}

function differs(one: FindingFacts, other: FindingFacts): boolean {
  return (
    one.packageId !== other.packageId ||
    one.vulnerabilityId !== other.vulnerabilityId ||
    one.matchId !== other.matchId ||
    isNews(one, other)
  )
}

/** Worth an event. */
function isNews(one: FindingFacts, other: FindingFacts): boolean {
  return one.severity !== other.severity || one.fixState !== other.fixState || one.isKev !== other.isKev
}
