import type { EngineFindings } from '../model/scanner.js'
import type { Catalogue } from '../model/catalogue.js'

/** Findings as sorted texts of native id, namespace, package, version, paths, severity and fix: equal lists are equal multisets. */
export function findingKeys(findings: Pick<EngineFindings, 'matches' | 'vulnerabilities'>, catalogue: Catalogue): string[] {
  return findings.matches
    .map((match) => {
      const found = catalogue.packages[match.package]
      const vulnerability = findings.vulnerabilities[match.vulnerability]
      return JSON.stringify([
        vulnerability?.nativeId,
        vulnerability?.namespace,
        found?.name,
        found?.version,
        match.locations.map(({ path }) => path).sort(),
        vulnerability?.severityGiven,
        match.fixState,
        match.fixVersions,
      ])
    })
    .sort()
}

interface RawMatch {
  readonly vulnerability: { id: string; namespace: string; severity: string; fix: { state: string; versions: string[] } }
  readonly artifact: { name: string; version: string; locations: { path: string }[] }
}

/** The same texts, straight from what the grype command prints. */
export function rawFindingKeys(output: string): string[] {
  const { matches } = JSON.parse(output) as { matches: RawMatch[] }
  return matches
    .map(({ vulnerability, artifact }) =>
      JSON.stringify([
        vulnerability.id,
        vulnerability.namespace,
        artifact.name,
        artifact.version,
        [...new Set(artifact.locations.map(({ path }) => path))].sort(),
        vulnerability.severity,
        vulnerability.fix.state === '' ? 'unknown' : vulnerability.fix.state,
        vulnerability.fix.versions,
      ]),
    )
    .sort()
}
