import { EngineReport, ScanReport } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { findingKeys, rawFindingKeys } from '../__tests__/finding-keys.js'
import { fixtureCatalogue, fixtureReport, fixtureText } from '../__tests__/fixtures.js'
import { Catalogue } from '../model/catalogue.js'
import { mapGrypeReport } from './mapping.js'
import { GrypeReport } from './schema.js'

describe('a report of grype 0.121.2', () => {
  it.each(['npm', 'debian-app'] as const)('of %s loses and adds no finding', (name) => {
    const catalogue = fixtureCatalogue(name)
    const findings = mapGrypeReport(fixtureReport(name), catalogue)
    expect(findingKeys(findings, catalogue)).toEqual(rawFindingKeys(fixtureText('grype', name).toString('utf8')))
    expect(findings.matches.length).toBeGreaterThan(10)
  })

  it.each(['npm', 'debian-app'] as const)('of %s fits the contract', (name) => {
    const { packages } = fixtureCatalogue(name)
    const findings = mapGrypeReport(fixtureReport(name), fixtureCatalogue(name))
    expect(EngineReport.safeParse({ engine: 'grype', status: 'complete', ...findings, database: null }).error).toBeUndefined()
    expect(ScanReport.shape.packages.safeParse(packages).error).toBeUndefined()
  })

  it('adds no package: every match hangs on one of the SBOM', () => {
    const catalogue = fixtureCatalogue('debian-app')
    const before = catalogue.packages.length
    mapGrypeReport(fixtureReport('debian-app'), catalogue)
    expect(catalogue.packages.length).toBe(before)
  })

  it('tells a distribution at its end of life by the alerts of its packages', () => {
    const report = fixtureReport('debian-app')
    const isOver = (alertsByPackage: unknown) =>
      mapGrypeReport(GrypeReport.parse({ ...report, alertsByPackage }), fixtureCatalogue('debian-app')).isDistroEndOfLife
    const alert = {
      type: 'distro-eol',
      message: 'Package is from end-of-life distro: debian 9',
      metadata: { name: 'debian', version: '9' },
    }
    expect(isOver([{ package: { name: 'bash' }, alerts: [{ type: 'another' }, alert] }])).toBe(true)
    expect(isOver([{ package: { name: 'bash' }, alerts: [{ type: 'another' }] }])).toBe(false)
    expect(isOver(undefined)).toBe(false)
  })

  it('says everything that it knows of a finding', () => {
    const catalogue = fixtureCatalogue('npm')
    const { vulnerabilities, matches } = mapGrypeReport(fixtureReport('npm'), catalogue)
    const position = vulnerabilities.findIndex(({ nativeId }) => nativeId === 'GHSA-35jh-r3h4-6jhm')
    expect(vulnerabilities[position]).toMatchObject({
      canonicalId: 'CVE-2021-23337',
      aliases: ['CVE-2021-23337', 'GHSA-35jh-r3h4-6jhm'],
      namespace: 'github:language:javascript',
      severity: 'high',
      severityGiven: 'High',
      cvss: [{ version: '3.1', vector: expect.stringMatching(/^CVSS:3\.1\//) as string, baseScore: expect.any(Number) as number }],
    })
    const [match] = matches.filter(({ vulnerability }) => vulnerability === position)
    expect(match).toMatchObject({
      fixState: 'fixed',
      fixVersions: ['4.17.21'],
      locations: [{ path: '/app/node_modules/lodash/package.json', layer: expect.stringMatching(/^sha256:/) as string }],
      details: [{ type: 'exact-direct-match', matcher: 'javascript-matcher' }],
    })
    expect(catalogue.packages[match?.package ?? -1]).toMatchObject({
      type: 'npm',
      name: 'lodash',
      version: '4.17.20',
      purl: 'pkg:npm/lodash@4.17.20',
      language: 'javascript',
      distro: 'alpine:3.18.0',
    })
  })

  it('takes scores and exploits from the canonical record where the distribution has none', () => {
    const { vulnerabilities } = mapGrypeReport(fixtureReport('debian-app'), fixtureCatalogue('debian-app'))
    const known = vulnerabilities.find(({ nativeId }) => nativeId === 'CVE-2023-4911')
    expect(known).toMatchObject({
      kev: { dateAdded: '2023-11-21', dueDate: '2023-12-12', ransomware: false },
      epss: { probability: 0.667, percentile: 0.985, date: '2026-01-15' },
    })
    expect(known?.cvss[0]?.baseScore).toBe(7.8)
  })

  it('keeps the fix of each match apart although the vulnerability is one', () => {
    const catalogue = fixtureCatalogue('npm')
    const { vulnerabilities, matches } = mapGrypeReport(fixtureReport('npm'), catalogue)
    const position = vulnerabilities.findIndex(({ nativeId }) => nativeId === 'GHSA-c2qf-rxjj-qqgw')
    const fixes = matches
      .filter(({ vulnerability }) => vulnerability === position)
      .map((match) => [catalogue.packages[match.package]?.version, match.fixVersions[0]])
    expect(fixes.sort()).toEqual([
      ['5.7.1', '5.7.2'],
      ['7.3.5', '7.5.2'],
    ])
  })

  it('names the sample database as one', () => {
    expect(mapGrypeReport(fixtureReport('npm'), fixtureCatalogue('npm')).database).toMatchObject({
      schemaVersion: 'v6.1.10',
      isSample: true,
      builtAt: expect.stringMatching(/Z$/) as string,
    })
  })

  it('adds a package that only grype knows', () => {
    const report = fixtureReport('npm')
    const catalogue = new Catalogue({ name: 'syft', version: '1' }, null, [])
    mapGrypeReport({ ...report, matches: report.matches.slice(0, 1) }, catalogue)
    expect(catalogue.packages.map(({ name, foundBy }) => [name, foundBy])).toEqual([['axios', 'grype']])
  })

  it('is read although fields are missing that nothing depends on, and refused without its matches', () => {
    const minimal = {
      descriptor: { version: '9' },
      matches: [{ vulnerability: { id: 'CVE-1-1000' }, artifact: { name: 'a', type: 'npm' } }],
    }
    expect(mapGrypeReport(GrypeReport.parse(minimal), new Catalogue({ name: 's', version: '1' }, null, [])).matches).toHaveLength(1)
    expect(GrypeReport.safeParse({ descriptor: { version: '9' } }).success).toBe(false)
  })
})
