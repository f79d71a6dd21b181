import { PackageChunkResults, ReportVulnerability, ScoreChunkResults } from '@pharos/contracts'
import { matchContentHash, vulnerabilityContentHash, vulnerabilityKey } from '@pharos/service-kit'
import type { UnitMatches } from '@pharos/scanners'
import { describe, expect, it } from 'vitest'
import { packageResultsOf, type PackagesChunk, scoreResultsOf, type ScoresChunk } from './chunk-results.js'

const record = (nativeId: string): ReportVulnerability => ({
  nativeId,
  namespace: 'debian:distro:debian:12',
  canonicalId: nativeId,
  aliases: [nativeId],
  severity: 'high',
  severityGiven: 'High',
  cvss: [],
  epss: { probability: 0.2, percentile: 0.9, date: null },
  kev: null,
  dataSource: null,
  urls: [],
  description: null,
  cwes: [],
})
const content = { fixState: 'fixed' as const, fixVersions: ['2'], fixAvailable: [], details: [] }
const [known, fresh] = [record('CVE-1'), record('CVE-2')]

const found: UnitMatches = {
  vulnerabilities: [known, fresh],
  matches: [
    { unitId: 1, vulnerability: 0, risk: 3, ...content },
    { unitId: 1, vulnerability: 1, risk: 4, ...content },
    { unitId: 2, vulnerability: 1, risk: 5, ...content },
    { unitId: 3, vulnerability: 1, risk: 6, ...content },
  ],
  skipped: [4],
  failed: [{ id: 3, reason: 'x'.repeat(3000) }],
  keys: { version: '0.121.2-1', units: [[1, [7, 9]]] },
  database: { schemaVersion: 'v6', builtAt: null, checksum: null, isSample: false },
  engineVersion: '0.121.2',
}
const chunk = {
  units: [
    { id: 1, input: '{}', open: [[vulnerabilityKey(known), matchContentHash(content)]] },
    { id: 2, input: '{}', open: [] },
    { id: 3, input: '{}', open: [] },
    { id: 4, input: '{}', open: [] },
  ],
} as unknown as PackagesChunk

describe('what is delivered of matched packages', () => {
  const results = packageResultsOf(chunk, found)

  it('fits the contract', () => {
    expect(PackageChunkResults.parse(results)).toEqual(results)
  })

  it('is in full only what differs from what is stored', () => {
    expect(results.vulnerabilities).toEqual([
      { key: vulnerabilityKey(known), document: null },
      { key: vulnerabilityKey(fresh), document: { vulnerability: fresh, risk: 6 } },
    ])
    expect(results.matches).toMatchObject([
      { unit: 1, vulnerability: 0, content: null },
      { unit: 1, vulnerability: 1, content },
      { unit: 2, vulnerability: 1, content },
    ])
  })

  it('tells what units are searched for by where that was asked for', () => {
    expect(results.keys).toEqual({ version: '0.121.2-1', units: [[1, [7, 9]]] })
    expect(packageResultsOf(chunk, { ...found, keys: null })).not.toHaveProperty('keys')
  })

  it('is nothing of a unit that failed, whose matches may not be all', () => {
    expect(results.matches.some(({ unit }) => unit === 3)).toBe(false)
    expect(results.failed).toEqual([{ id: 3, reason: 'x'.repeat(2000) }])
  })

  it('is in full what is open with other content', () => {
    const other = {
      ...chunk,
      units: [{ id: 1, input: '{}', open: [[vulnerabilityKey(known), vulnerabilityKey(fresh)]] }],
    } as unknown as PackagesChunk
    expect(packageResultsOf(other, found).matches[0]?.content).toEqual(content)
  })
})

describe('what is delivered of scores', () => {
  it('is each score, and the record when it differs; nothing of what the database does not know', () => {
    const changed = { ...record('CVE-3'), severity: 'critical' as const }
    const scores = {
      vulnerabilities: [
        { id: 1, nativeId: 'CVE-1', namespace: 'n', contentHash: vulnerabilityContentHash(known) },
        { id: 2, nativeId: 'CVE-2', namespace: 'n', contentHash: vulnerabilityContentHash(fresh) },
        { id: 3, nativeId: 'CVE-3', namespace: 'n', contentHash: vulnerabilityContentHash(record('CVE-3')) },
      ],
    } as unknown as ScoresChunk
    const results = scoreResultsOf(scores, [{ ...known, risk: 1 }, null, { ...changed, risk: 9 }], '0.121.2')
    expect(ScoreChunkResults.parse(results)).toEqual(results)
    expect(results.scores).toEqual([
      { id: 1, risk: 1, epss: known.epss, kev: null, document: null },
      { id: 3, risk: 9, epss: changed.epss, kev: null, document: changed },
    ])
  })

  it('is compared whatever the order in which an engine writes the fields', () => {
    const reversed = Object.fromEntries(Object.entries(known).reverse()) as ReportVulnerability
    const scores = {
      vulnerabilities: [{ id: 1, contentHash: vulnerabilityContentHash(ReportVulnerability.parse(known)) }],
    } as unknown as ScoresChunk
    expect(scoreResultsOf(scores, [{ ...reversed, risk: 1 }], '1').scores[0]?.document).toBeNull()
  })
})
