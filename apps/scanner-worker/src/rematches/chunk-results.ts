import { type ClaimedRematchChunk, type PackageChunkResults, ReportVulnerability, type ScoreChunkResults } from '@pharos/contracts'
import { matchContentHash, vulnerabilityContentHash, vulnerabilityKey } from '@pharos/service-kit'
import type { UnitMatcher, UnitMatches } from '@pharos/scanners'

type Claimed = Exclude<ClaimedRematchChunk, { outcome: 'none' }>
export type PackagesChunk = Extract<Claimed, { kind: 'packages' }>
export type DifferenceChunk = Extract<Claimed, { kind: 'difference' }>
export type ScoresChunk = Extract<Claimed, { kind: 'scores' }>

const reasonLimit = 2000

/** What is delivered of matched packages: in full only what differs from what is stored. */
export function packageResultsOf(chunk: PackagesChunk, found: UnitMatches): PackageChunkResults {
  const open = new Map(chunk.units.map(({ id, open: pairs }) => [id, new Map(pairs)]))
  const known = new Set(chunk.units.flatMap(({ open: pairs }) => pairs.map(([key]) => key)))
  const keys = found.vulnerabilities.map((vulnerability) => vulnerabilityKey(vulnerability))
  const risks = greatestRisks(found)
  const failed = new Set(found.failed.map(({ id }) => id))
  return {
    kind: 'packages',
    engineVersion: found.engineVersion,
    skipped: found.skipped,
    ...(found.keys === null ? {} : { keys: { version: found.keys.version, units: [...found.keys.units] } }),
    failed: found.failed.map(({ id, reason }) => ({ id, reason: reason.slice(0, reasonLimit) })),
    vulnerabilities: found.vulnerabilities.map((vulnerability, position) => {
      const key = keys[position] ?? ''
      return { key, document: known.has(key) ? null : { vulnerability, risk: risks[position] ?? 0 } }
    }),
    // What matched of a unit that failed may not be all of it.
    matches: found.matches
      .filter(({ unitId }) => !failed.has(unitId))
      .map(({ unitId, vulnerability, fixState, fixVersions, fixAvailable, details }) => {
        const content = { fixState, fixVersions, fixAvailable, details }
        const contentHash = matchContentHash(content)
        const isOpen = open.get(unitId)?.get(keys[vulnerability] ?? '') === contentHash
        return { unit: unitId, vulnerability, contentHash, content: isOpen ? null : content }
      }),
  }
}

/** What is delivered of described vulnerabilities: scores, and records that differ from what is stored. */
export function scoreResultsOf(
  chunk: ScoresChunk,
  described: Awaited<ReturnType<UnitMatcher['describe']>>,
  engineVersion: string,
): ScoreChunkResults {
  const scores = chunk.vulnerabilities.flatMap(({ id, contentHash }, position) => {
    const found = described[position]
    if (found === undefined || found === null) return []
    // The contract's form is what is hashed where it is stored.
    const record = ReportVulnerability.parse(found)
    const document = vulnerabilityContentHash(record) === contentHash ? null : record
    return [{ id, risk: found.risk, epss: record.epss, kev: record.kev, document }]
  })
  return { kind: 'scores', engineVersion, scores }
}

function greatestRisks({ vulnerabilities, matches }: UnitMatches): number[] {
  const risks = vulnerabilities.map(() => 0)
  for (const { vulnerability, risk } of matches) risks[vulnerability] = Math.max(risks[vulnerability] ?? 0, risk)
  return risks
}
