import type { Cvss, Epss, FixState, KnownExploited, ReportMatch, ReportVulnerability } from '@pharos/contracts'
import type { Catalogue } from '../model/catalogue.js'
import { type EngineFindings, sampleDatabaseMarker, type UsedDatabase } from '../model/scanner.js'
import { normaliseSeverity } from '../model/severity.js'
import { timestampOrNull } from '../model/timestamp.js'
import { identifyVulnerability } from '../model/vulnerability-identity.js'
import { mapLocations } from '../syft/mapping.js'
import type { GrypeDetails, GrypeFix, GrypeMatch, GrypeMetadata, GrypeRecord, GrypeReport } from './schema.js'

/** Grype's fix states and ours. */
const fixStates: Readonly<Record<string, FixState>> = {
  fixed: 'fixed',
  'not-fixed': 'not-fixed',
  'wont-fix': 'wont-fix',
  unknown: 'unknown',
}

/** Maps a report to the contract. The one mapping for the engine and the command: both write the same document. */
export function mapGrypeReport(report: GrypeReport, catalogue: Catalogue): EngineFindings {
  const vulnerabilities: ReportVulnerability[] = []
  const positions = new Map<string, number>()
  const matches = report.matches.map((match): ReportMatch => {
    const key = `${match.vulnerability.namespace ?? ''}\0${match.vulnerability.id}`
    const known = positions.get(key)
    const vulnerability = known ?? vulnerabilities.push(mapVulnerability(match)) - 1
    if (known === undefined) positions.set(key, vulnerability)
    return mapMatch(match, packageOf(match, catalogue), vulnerability)
  })
  return {
    engineVersion: report.descriptor.version,
    database: mapDatabase(report),
    reasons: [],
    vulnerabilities,
    matches,
    secrets: [],
    misconfigurations: [],
    ignoredCount: report.ignoredMatches?.length ?? 0,
    isDistroEndOfLife: (report.alertsByPackage ?? []).some(({ alerts }) => alerts.some(({ type }) => type === 'distro-eol')),
  }
}

function packageOf({ artifact }: GrypeMatch, catalogue: Catalogue): number {
  const position = catalogue.byArtifactId(artifact.id) ?? catalogue.byIdentity(artifact, artifact.locations?.[0]?.path)
  if (position !== undefined) return position
  // Only when Grype catalogued by itself: the package is in its report but not in our SBOM.
  const distro = catalogue.distro
  return catalogue.add(
    {
      type: artifact.type,
      name: artifact.name,
      version: artifact.version,
      purl: textOrNull(artifact.purl),
      distro: distro === null ? null : distro.versionId === null ? distro.id : `${distro.id}:${distro.versionId}`,
      language: textOrNull(artifact.language),
      upstreams: (artifact.upstreams ?? []).map(({ name, version }) => ({ name, version: textOrNull(version) })),
      cpes: artifact.cpes ?? [],
      licenses: artifact.licenses ?? [],
      matchKey: null,
      locations: mapLocations(artifact.locations ?? []),
      foundBy: 'grype',
    },
    artifact.id,
  )
}

function mapMatch(match: GrypeMatch, position: number, vulnerability: number): ReportMatch {
  return {
    package: position,
    vulnerability,
    ...mapMatchContent(match.vulnerability.fix, match.matchDetails),
    risk: mapRisk(match),
    locations: mapLocations(match.artifact.locations ?? []),
  }
}

/** What a match says apart from which package and vulnerability it is of. */
export function mapMatchContent(
  fix: GrypeFix,
  details: GrypeDetails,
): Pick<ReportMatch, 'fixState' | 'fixVersions' | 'fixAvailable' | 'details'> {
  return {
    fixState: fixStates[fix?.state ?? ''] ?? 'unknown',
    fixVersions: fix?.versions ?? [],
    fixAvailable: (fix?.available ?? []).map(({ version, date, kind }) => ({ version, date: dayOrNull(date), kind: textOrNull(kind) })),
    details: (details ?? []).map(({ type, matcher, searchedBy, found }) => ({
      type,
      matcher,
      searchedBy: searchedBy ?? null,
      found: found ?? null,
    })),
  }
}

/** Grype's risk of a vulnerability, 0 to 100. */
export function mapRisk({ vulnerability: { risk } }: GrypeRecord): number {
  return between(risk, 100) ?? 0
}

/** What is known of a vulnerability. */
export function mapVulnerability({ vulnerability, relatedVulnerabilities }: GrypeRecord): ReportVulnerability {
  const related = relatedVulnerabilities ?? []
  const { canonicalId, aliases } = identifyVulnerability(vulnerability.id, [
    ...related.map(({ id }) => id),
    ...(vulnerability.aliases ?? []),
  ])
  // Where the matched source is silent (distributions seldom score), the canonical record speaks.
  const sources = [vulnerability, ...related.filter(({ id }) => id === canonicalId), ...related.filter(({ id }) => id !== canonicalId)]
  return {
    nativeId: vulnerability.id,
    namespace: vulnerability.namespace ?? '',
    canonicalId,
    aliases,
    severity: normaliseSeverity(vulnerability.severity ?? undefined),
    severityGiven: vulnerability.severity ?? 'Unknown',
    cvss: firstHeld(sources, (source) => mapCvss(source)),
    epss: firstHeld(sources, (source) => mapEpss(source))[0] ?? null,
    kev: firstHeld(sources, (source) => mapKnownExploited(source))[0] ?? null,
    dataSource: textOrNull(vulnerability.dataSource),
    urls: [...new Set([...(vulnerability.urls ?? []), ...related.flatMap(({ dataSource }) => (dataSource ? [dataSource] : []))])],
    description: firstHeld(sources, ({ description }) => (description ? [description] : []))[0] ?? null,
    cwes: [...new Set(firstHeld(sources, ({ cwes }) => (cwes ?? []).flatMap(({ cwe }) => (cwe ? [cwe] : []))))],
  }
}

/** What the first source that has anything has. */
function firstHeld<T>(sources: readonly GrypeMetadata[], read: (source: GrypeMetadata) => T[]): T[] {
  for (const source of sources) {
    const held = read(source)
    if (held.length > 0) return held
  }
  return []
}

function mapCvss({ cvss }: GrypeMetadata): Cvss[] {
  return (cvss ?? [])
    .filter(({ vector }) => vector !== '')
    .map(({ source, type, version, vector, metrics }) => ({
      source: textOrNull(source),
      type: textOrNull(type),
      version,
      vector,
      baseScore: between(metrics?.baseScore, 10),
    }))
}

function mapEpss({ epss }: GrypeMetadata): Epss[] {
  return (epss ?? []).map((score) => ({
    probability: between(score.epss, 1) ?? 0,
    percentile: between(score.percentile, 1) ?? 0,
    date: dayOrNull(score.date),
  }))
}

function mapKnownExploited({ knownExploited }: GrypeMetadata): KnownExploited[] {
  return (knownExploited ?? []).map((entry) => ({
    dateAdded: dayOrNull(entry.dateAdded),
    dueDate: dayOrNull(entry.dueDate),
    ransomware: entry.knownRansomwareCampaignUse?.toLowerCase() === 'known',
  }))
}

function mapDatabase({ descriptor }: GrypeReport): UsedDatabase | null {
  const status = descriptor.db?.status
  if (status?.schemaVersion === undefined || status.schemaVersion === null) return null
  return {
    schemaVersion: status.schemaVersion,
    builtAt: timestampOrNull(status.built),
    checksum: /checksum=([^&\s]+)/.exec(status.from ?? '')?.[1] ?? null,
    isSample: Object.hasOwn(descriptor.db?.providers ?? {}, sampleDatabaseMarker),
  }
}

function textOrNull(text: string | null | undefined): string | null {
  return text === undefined || text === '' ? null : text
}

/** A day; Go writes the zero time where there is none. */
function dayOrNull(text: string | null | undefined): string | null {
  return text && /^\d{4}-\d{2}-\d{2}/.test(text) && !text.startsWith('0001-01-01') ? text.slice(0, 10) : null
}

function between(value: number | null | undefined, limit: number): number | null {
  return value === undefined || value === null ? null : Math.min(limit, Math.max(0, value))
}
