import { describe, expect, it } from 'vitest'
import { exampleOf } from '../schema.js'
import { matchLine } from './match-line.js'
import { MatchBody, packageFacts, PackageFacts, PackagePlace, ReportHeader, reportLines } from './report-lines.js'
import { type EngineReport, type ReportMatch, type ReportPackage, ReportVulnerability, ScanReport } from './report.js'

const found = (name: string, change: Partial<ReportPackage> = {}): ReportPackage => ({
  type: 'deb',
  name,
  version: '1\n2',
  purl: null,
  distro: 'debian:12',
  language: null,
  upstreams: [
    { name: 'z', version: null },
    { name: 'a', version: '1' },
  ],
  cpes: ['cpe:b', 'cpe:a'],
  licenses: ['MIT'],
  matchKey: null,
  locations: [{ path: `/etc/${name}`, layer: null }],
  foundBy: null,
  ...change,
})
const vulnerability = (nativeId: string): ReportVulnerability => ({
  nativeId,
  namespace: 'debian:distro:debian:12',
  canonicalId: nativeId,
  aliases: [],
  severity: 'high',
  severityGiven: 'High',
  cvss: [],
  epss: null,
  kev: null,
  dataSource: null,
  urls: [],
  description: 'two\nlines',
  cwes: [],
})
const match = (packagePosition: number, vulnerabilityPosition: number, risk = 1): ReportMatch => ({
  package: packagePosition,
  vulnerability: vulnerabilityPosition,
  fixState: 'wont-fix',
  fixVersions: ['1'],
  fixAvailable: [],
  risk,
  locations: [],
  details: [{ type: 'exact', matcher: 'dpkg', searchedBy: { name: 'a' }, found: 'b\nc' }],
})
const base = exampleOf(ScanReport)
const report = (engine: Partial<EngineReport>, change: Partial<ScanReport> = {}): ScanReport =>
  ScanReport.parse({ ...base, packages: [found('tar'), found('zlib')], engines: [{ ...base.engines[0], ...engine }], ...change })

describe('a report in lines', () => {
  it('holds a line a fact behind its header, matches by package', () => {
    const lines = reportLines(
      report({ vulnerabilities: [vulnerability('CVE-1'), vulnerability('CVE-2')], matches: [match(1, 0, 3), match(0, 1), match(1, 1, 2)] }),
    ).split('\n')
    const header = ReportHeader.parse(JSON.parse(lines[0] ?? ''))
    expect(header).toMatchObject({ packageCount: 2, hasMatcherInputs: false })
    expect(header.engines[0]).toMatchObject({
      vulnerabilityCount: 2,
      risks: [3, 2],
      matchedPackages: [1, 0],
      matchCounts: [2, 1],
      matchedVulnerabilities: [0, 1, 1],
    })
    expect(lines).toHaveLength(1 + 2 + 2 + 2 + 3 + 1)
    expect(lines.at(-1)).toBe('')
    expect(PackageFacts.parse(JSON.parse(lines[2] ?? ''))[1]).toBe('zlib')
    expect(PackagePlace.parse(JSON.parse(lines[4] ?? '')).locations[0]?.path).toBe('/etc/zlib')
    expect(ReportVulnerability.parse(JSON.parse(lines[6] ?? '')).nativeId).toBe('CVE-2')
    expect(MatchBody.parse(JSON.parse((lines[7] ?? '').replace('wont-fix ', ''))).fixVersions).toEqual(['1'])
  })

  it('has inputs of matchers only when the report brings them, a line a package', () => {
    expect(
      reportLines(report({}, { matcherInputs: '{"a":1}\n' }))
        .split('\n')
        .slice(5),
    ).toEqual(['{"a":1}', '', ''])
  })

  it('gives a match the bytes that its hash is of', () => {
    const lines = reportLines(report({ vulnerabilities: [vulnerability('CVE-1')], matches: [match(0, 0)] })).split('\n')
    expect(lines.at(-2)).toBe(matchLine(match(0, 0)))
  })

  it('spells the facts of a package in one way, whatever the order of upstreams and CPEs, and leaves out what depends on the image', () => {
    const one = found('tar')
    const other = found('tar', { upstreams: [...one.upstreams].reverse(), cpes: [...one.cpes].reverse(), locations: [], licenses: [] })
    expect(packageFacts(one)).toBe(packageFacts(other))
    expect(packageFacts(one)).not.toBe(packageFacts(found('tar', { matchKey: 'aa' })))
    expect(JSON.stringify(JSON.parse(packageFacts(one)))).toBe(packageFacts(one))
  })

  it('refuses a match of a package that is not there', () => {
    expect(() => reportLines(report({ vulnerabilities: [vulnerability('CVE-1')], matches: [match(2, 0)] }))).toThrow(RangeError)
  })
})
