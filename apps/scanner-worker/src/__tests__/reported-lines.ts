import {
  MatchBody,
  PackageFacts,
  PackagePlace,
  ReportHeader,
  type ReportMatch,
  type ReportPackage,
  ReportVulnerability,
  ScanReport,
} from '@pharos/contracts'

/** The report that lines spell out, checked by the contract. Risks are those of the vulnerabilities, locations those of the packages. */
export function reportOfLines(text: string): ScanReport {
  const lines = text.trimEnd().split('\n')
  const next = (): unknown => JSON.parse(lines.shift() ?? '')
  const take = <T>(count: number, of: () => T): T[] => Array.from({ length: count }, of)
  const header = ReportHeader.parse(next())
  const facts = take(header.packageCount, () => PackageFacts.parse(next()))
  const places = take(header.packageCount, () => PackagePlace.parse(next()))
  const matcherInputs = header.hasMatcherInputs ? take(header.packageCount, () => lines.shift() ?? '').join('\n') : undefined
  const packages = facts.map(([type, name, version, distro, language, purl, upstreams, cpes, matchKey], position): ReportPackage => {
    const { locations, licenses, foundBy } = places[position] ?? { locations: [], licenses: [], foundBy: null }
    return {
      type,
      name,
      version,
      distro,
      language,
      purl,
      upstreams: upstreams.map(upstreamOf),
      cpes,
      matchKey,
      locations,
      licenses,
      foundBy,
    }
  })
  const engines = header.engines.map(({ vulnerabilityCount, risks, matchedPackages, matchCounts, matchedVulnerabilities, ...engine }) => {
    const vulnerabilities = take(vulnerabilityCount, () => ReportVulnerability.parse(next()))
    const positions = matchedPackages.flatMap((position, group) => take(matchCounts[group] ?? 0, () => position))
    const matches = matchedVulnerabilities.map((vulnerability, index): ReportMatch => {
      const [fixState, body] = splitOnce(lines.shift() ?? '')
      const position = positions[index] ?? -1
      return {
        package: position,
        vulnerability,
        fixState: fixState as ReportMatch['fixState'],
        risk: risks[vulnerability] ?? 0,
        locations: packages[position]?.locations ?? [],
        ...MatchBody.parse(JSON.parse(body)),
      }
    })
    return { ...engine, vulnerabilities, matches }
  })
  const { packageCount: _count, hasMatcherInputs: _has, ...rest } = header
  return ScanReport.parse({ ...rest, reportVersion: 1, packages, ...(matcherInputs === undefined ? {} : { matcherInputs }), engines })
}

function upstreamOf(text: string): ReportPackage['upstreams'][number] {
  const [name, version] = JSON.parse(text) as [string, string | null]
  return { name, version }
}

function splitOnce(line: string): [string, string] {
  const space = line.indexOf(' ')
  return [line.slice(0, space), line.slice(space + 1)]
}
