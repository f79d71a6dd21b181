import { z } from 'zod'
import { defineSchema, exampleOf } from '../schema.js'
import { matchLine } from './match-line.js'
import { EngineReport, type ReportMatch, ReportPackage, ScanReport } from './report.js'

/**
 * The form in which a worker sends a report: gzip of lines of UTF-8, the first a header, each further one a fact in one
 * canonical spelling, so that results-service knows a fact again by the hash of its bytes and parses what it has never met.
 * After the header come, in this order:
 *
 * - `packageCount` lines: what matchers read of each package, see `packageFacts`
 * - `packageCount` lines: where each package stands, see `PackagePlace`
 * - with `hasMatcherInputs`, `packageCount` lines: canonical JSON of what matchers read in full, empty where it is not known
 * - for each engine, `vulnerabilityCount` lines: `ReportVulnerability` as JSON, then its matches, grouped by package: a line
 *   each, `<fixState> <body>` with the body of `matchBody`. The header says which package and vulnerability each is of.
 *
 * JSON escapes line ends, so a line ends where its fact does.
 */
export const ReportHeader = defineSchema(
  'ReportHeader',
  z.object({
    reportVersion: z.literal(2),
    image: ScanReport.shape.image,
    config: ScanReport.shape.config,
    distro: ScanReport.shape.distro,
    catalogue: ScanReport.shape.catalogue,
    packageCount: z.int().min(0),
    hasMatcherInputs: z.boolean(),
    engines: z
      .array(
        EngineReport.omit({ vulnerabilities: true, matches: true }).extend({
          vulnerabilityCount: z.int().min(0),
          risks: z
            .array(z.number().min(0).max(100).nullable())
            .describe('Of each vulnerability the greatest risk of its matches, 0 to 100; null without a match'),
          matchedPackages: z.array(z.int().min(0)).describe('Position of the package of each group of matches'),
          matchCounts: z.array(z.int().min(1)).describe('Matches of each group'),
          matchedVulnerabilities: z.array(z.int().min(0)).describe('Position of the vulnerability of each match'),
        }),
      )
      .min(1),
  }),
  {
    reportVersion: 2,
    image: exampleOf(ScanReport).image,
    config: null,
    distro: null,
    catalogue: null,
    packageCount: 0,
    hasMatcherInputs: false,
    engines: [
      {
        engine: 'grype',
        status: 'unavailable',
        engineVersion: null,
        database: null,
        reasons: [{ code: 'engine-unavailable', detail: 'grype is not installed' }],
        secrets: [],
        misconfigurations: [],
        vulnerabilityCount: 0,
        risks: [],
        matchedPackages: [],
        matchCounts: [],
        matchedVulnerabilities: [],
      },
    ],
  },
)
export type ReportHeader = z.infer<typeof ReportHeader>

/** What is different from image to image of a package. */
export const PackagePlace = z.strictObject({
  locations: ReportPackage.shape.locations,
  licenses: ReportPackage.shape.licenses,
  foundBy: ReportPackage.shape.foundBy,
})
export type PackagePlace = z.infer<typeof PackagePlace>

/** The body of a match's line. */
export const MatchBody = z.strictObject({
  fixVersions: EngineReport.shape.matches.element.shape.fixVersions,
  fixAvailable: EngineReport.shape.matches.element.shape.fixAvailable,
  details: z.array(z.strictObject(EngineReport.shape.matches.element.shape.details.element.shape)),
})
export type MatchBody = z.infer<typeof MatchBody>

/** A package's line of facts, parsed. Upstreams are JSON of `[name, version]`; they and the CPEs are sorted. */
export const PackageFacts = z.tuple([
  ReportPackage.shape.type,
  ReportPackage.shape.name,
  ReportPackage.shape.version,
  ReportPackage.shape.distro,
  ReportPackage.shape.language,
  ReportPackage.shape.purl,
  z.array(z.string()).describe('Upstreams'),
  ReportPackage.shape.cpes,
  ReportPackage.shape.matchKey,
])
export type PackageFacts = z.infer<typeof PackageFacts>

/** The fields that matchers read, in one spelling: the SHA-256 of this text is the identity of a package. */
export function packageFacts(found: ReportPackage): string {
  const { type, name, version, distro, language, purl, cpes, matchKey } = found
  const upstreams = found.upstreams.map((upstream) => JSON.stringify([upstream.name, upstream.version])).sort()
  const facts: PackageFacts = [type, name, version, distro, language, purl, upstreams, [...cpes].sort(), matchKey]
  return JSON.stringify(facts)
}

/** Spells a report out in lines; `gzip` of it is what a worker sends. Throws a RangeError for a match of nothing that the report holds. */
export function reportLines(report: ScanReport): string {
  const groups = report.engines.map((engine) => matchesByPackage(report, engine))
  const header: ReportHeader = {
    reportVersion: 2,
    image: report.image,
    config: report.config,
    distro: report.distro,
    catalogue: report.catalogue,
    packageCount: report.packages.length,
    hasMatcherInputs: report.matcherInputs !== undefined,
    engines: report.engines.map(({ vulnerabilities, matches, ...engine }, position) => ({
      ...engine,
      vulnerabilityCount: vulnerabilities.length,
      risks: greatestRisks(vulnerabilities.length, matches),
      matchedPackages: [...(groups[position]?.keys() ?? [])],
      matchCounts: [...(groups[position]?.values() ?? [])].map((group) => group.length),
      matchedVulnerabilities: [...(groups[position]?.values() ?? [])].flatMap((group) => group.map(({ vulnerability }) => vulnerability)),
    })),
  }
  const lines = [JSON.stringify(header)]
  for (const found of report.packages) lines.push(packageFacts(found))
  for (const { locations, licenses, foundBy } of report.packages) lines.push(JSON.stringify({ locations, licenses, foundBy }))
  if (report.matcherInputs !== undefined && report.packages.length > 0) lines.push(report.matcherInputs)
  for (const [position, engine] of report.engines.entries()) {
    for (const vulnerability of engine.vulnerabilities) lines.push(JSON.stringify(vulnerability))
    for (const group of groups[position]?.values() ?? []) for (const match of group) lines.push(matchLine(match))
  }
  return `${lines.join('\n')}\n`
}

function matchesByPackage(report: ScanReport, engine: EngineReport): Map<number, ReportMatch[]> {
  const groups = new Map<number, ReportMatch[]>()
  for (const match of engine.matches) {
    if (match.package >= report.packages.length || match.vulnerability >= engine.vulnerabilities.length) {
      throw new RangeError(`A match of ${engine.engine} names a package or vulnerability that the report does not hold.`)
    }
    const group = groups.get(match.package)
    if (group === undefined) groups.set(match.package, [match])
    else group.push(match)
  }
  return groups
}

function greatestRisks(count: number, matches: readonly ReportMatch[]): (number | null)[] {
  const risks = Array.from({ length: count }, (): number | null => null)
  for (const { vulnerability, risk } of matches) risks[vulnerability] = Math.max(risks[vulnerability] ?? 0, risk)
  return risks
}
