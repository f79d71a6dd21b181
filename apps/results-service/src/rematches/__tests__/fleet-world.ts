import { hash } from 'node:crypto'
import type { ReportMatch, ReportVulnerability, ScanReport } from '@pharos/contracts'
import { debPackage, engineReport, match, scanReport, vulnerability } from '../../ingest/__tests__/report-builder.js'

/** A source's record in an edition of the made-up database. */
export interface RecordFacts {
  readonly severity: ReportVulnerability['severity']
  readonly risk: number
  readonly epss: number
  readonly isKev: boolean
  /** false: the advisory does not name its CVE yet. */
  readonly hasCve: boolean
}

/** What an edition says of a package: records by number, with the fix. */
export interface PackageMatch {
  readonly record: number
  readonly fixState: ReportMatch['fixState']
  readonly fixVersion: string
}

/** One edition of the made-up database: by number of the record, and by name of the package. */
export interface Edition {
  readonly records: readonly RecordFacts[]
  readonly matches: Readonly<Record<string, readonly PackageMatch[]>>
}

/** A package at a place of an image. */
export interface PlacedPackage {
  readonly name: string
  readonly place: string
  /** Without it the package cannot be matched apart from its image. */
  readonly hasInput: boolean
}

/** Records 2n and 2n + 1 are advisories of the same CVE, in two namespaces. */
export function recordOf(edition: Edition, number: number): ReportVulnerability {
  const { severity, epss, isKev, hasCve } = edition.records[number] as RecordFacts
  const cve = `CVE-2026-${1000 + Math.floor(number / 2)}`
  const nativeId = number % 2 === 0 ? cve : `GHSA-${number}`
  const canonicalId = hasCve || number % 2 === 0 ? cve : nativeId
  return vulnerability(nativeId, {
    namespace: number % 2 === 0 ? 'debian:distro:debian:12' : 'github:language:python',
    canonicalId,
    aliases: [...new Set([nativeId, canonicalId])],
    severity,
    severityGiven: severity,
    epss: { probability: epss, percentile: epss, date: '2026-11-20' },
    kev: isKev ? { dateAdded: '2026-01-01', dueDate: null, ransomware: false } : null,
  })
}

export function matchContent({
  fixState,
  fixVersion,
}: PackageMatch): Pick<ReportMatch, 'fixState' | 'fixVersions' | 'fixAvailable' | 'details'> {
  return {
    fixState,
    fixVersions: fixState === 'fixed' ? [fixVersion] : [],
    fixAvailable: [],
    details: [{ type: 'exact-direct-match', matcher: 'dpkg-matcher', searchedBy: { package: fixVersion }, found: {} }],
  }
}

/** The input of a package's unit: the made-up engine reads its name. */
const inputOf = (name: string): string => JSON.stringify({ name })

export function matchesIn(edition: Edition, name: string): readonly PackageMatch[] {
  return edition.matches[name] ?? []
}

/** What a scan of the image reports in an edition. */
export function reportIn(
  edition: Edition,
  generationId: string,
  image: string,
  placed: readonly PlacedPackage[],
  status: 'complete' | 'partial' = 'complete',
): ScanReport {
  const numbers = [...new Set(placed.flatMap(({ name }) => matchesIn(edition, name).map(({ record }) => record)))]
  return scanReport(image, {
    packages: placed.map(({ name, place, hasInput }) =>
      debPackage(name, {
        matchKey: hasInput ? hash('sha256', inputOf(name), 'hex').slice(0, 32) : null,
        locations: [{ path: place, layer: null }],
      }),
    ),
    matcherInputs: placed.map(({ name, hasInput }) => (hasInput ? inputOf(name) : '')).join('\n'),
    engines: [
      engineReport({
        status,
        reasons: status === 'partial' ? [{ code: 'catalogue-failed', detail: 'A file could not be read.' }] : [],
        database: {
          generationId,
          schemaVersion: 'v6.1.10',
          builtAt: '2026-11-23T05:00:00Z',
          checksum: null,
          isSample: false,
          isStale: false,
        },
        vulnerabilities: numbers.map((number) => recordOf(edition, number)),
        matches: placed.flatMap(({ name }, position) =>
          matchesIn(edition, name).map((found) =>
            match(position, numbers.indexOf(found.record), { ...matchContent(found), risk: edition.records[found.record]?.risk ?? 0 }),
          ),
        ),
      }),
    ],
  })
}
