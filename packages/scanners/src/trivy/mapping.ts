import type {
  Cvss,
  FixState,
  Location,
  ReportMatch,
  ReportMisconfiguration,
  ReportPackage,
  ReportSecret,
  ReportVulnerability,
} from '@pharos/contracts'
import type { Catalogue } from '../model/catalogue.js'
import type { EngineFindings } from '../model/scanner.js'
import { normaliseSeverity } from '../model/severity.js'
import { identifyVulnerability } from '../model/vulnerability-identity.js'
import { maskSecret } from './mask-secret.js'
import { parsePackageUrl } from './package-url.js'
import type { TrivyMisconfiguration, TrivyPackage, TrivyReport, TrivyResult, TrivySecret, TrivyVulnerability } from './schema.js'

/**
 * Trivy's statuses (pkg/dependency of trivy-db, types.Status) and our fix states.
 * | Trivy | ours |
 * | --- | --- |
 * | fixed | fixed |
 * | affected, fix_deferred | not-fixed |
 * | will_not_fix, end_of_life | wont-fix |
 * | under_investigation, anything else | unknown |
 */
const fixStates: Readonly<Record<string, FixState>> = {
  fixed: 'fixed',
  affected: 'not-fixed',
  fix_deferred: 'not-fixed',
  will_not_fix: 'wont-fix',
  end_of_life: 'wont-fix',
}

/** Vendor ids that name the same flaw. An advisory such as DSA-5514-1 may cover several and is no alias. */
const aliasPattern = /^(?:CVE|GHSA|GO|PYSEC|RUSTSEC|OSV|GMS|BIT|NSWG-ECO|TEMP)-/

/** Maps a report of `trivy image` to the contract; packages are found again in the SBOM by purl, and added where it lacks them. */
export function mapTrivyReport(report: TrivyReport, catalogue: Catalogue): Omit<EngineFindings, 'database'> {
  const mapper = new TrivyMapper(catalogue)
  for (const result of report.Results ?? []) mapper.add(result)
  return {
    engineVersion: report.Trivy?.Version ?? null,
    reasons: [],
    ignoredCount: 0,
    isDistroEndOfLife: report.Metadata?.OS?.EOSL ?? false,
    vulnerabilities: mapper.vulnerabilities,
    matches: mapper.matches,
    secrets: mapper.secrets,
    misconfigurations: mapper.misconfigurations,
  }
}

class TrivyMapper {
  readonly vulnerabilities: ReportVulnerability[] = []
  readonly matches: ReportMatch[] = []
  readonly secrets: ReportSecret[] = []
  readonly misconfigurations: ReportMisconfiguration[] = []
  private readonly positions = new Map<string, number>()

  constructor(private readonly catalogue: Catalogue) {}

  add(result: TrivyResult): void {
    const byId = new Map<string, TrivyPackage[]>()
    for (const entry of result.Packages ?? []) {
      byId.set(entry.ID ?? entry.Name, [...(byId.get(entry.ID ?? entry.Name) ?? []), entry])
      this.packagePosition(identityOfPackage(entry, result), entry, locationsOf(entry.FilePath, entry.Layer?.DiffID))
    }
    for (const vulnerability of result.Vulnerabilities ?? []) {
      const candidates = byId.get(vulnerability.PkgID ?? vulnerability.PkgName) ?? []
      this.addMatch(
        vulnerability,
        candidates.find(({ FilePath }) => (FilePath ?? '') === (vulnerability.PkgPath ?? '')) ?? candidates[0],
        result,
      )
    }
    for (const secret of result.Secrets ?? []) this.secrets.push(mapSecret(secret, result.Target))
    for (const check of result.Misconfigurations ?? [])
      if ((check.Status ?? 'FAIL') === 'FAIL') this.misconfigurations.push(mapMisconfiguration(check, result.Target))
  }

  private addMatch(vulnerability: TrivyVulnerability, found: TrivyPackage | undefined, result: TrivyResult): void {
    const identity = found === undefined ? identityOfVulnerable(vulnerability, result) : identityOfPackage(found, result)
    const locations = locationsOf(vulnerability.PkgPath ?? found?.FilePath, vulnerability.Layer?.DiffID)
    const position = this.packagePosition(identity, found, locations)
    const fixVersions = (vulnerability.FixedVersion ?? '')
      .split(',')
      .map((version) => version.trim())
      .filter((version) => version !== '')
    this.matches.push({
      package: position,
      vulnerability: this.vulnerabilityPosition(vulnerability, result),
      fixState: fixStates[vulnerability.Status ?? ''] ?? (fixVersions.length > 0 ? 'fixed' : 'unknown'),
      fixVersions,
      fixAvailable: [],
      // Trivy's database holds neither EPSS nor KEV, and a score without them would not compare with Grype's.
      risk: 0,
      locations: locations.length > 0 ? locations : (this.catalogue.packages[position]?.locations ?? []),
      details: [],
    })
  }

  private vulnerabilityPosition(vulnerability: TrivyVulnerability, result: TrivyResult): number {
    const mapped = mapVulnerability(vulnerability, result)
    const key = `${mapped.namespace}\0${mapped.nativeId}`
    const known = this.positions.get(key)
    if (known !== undefined) return known
    const position = this.vulnerabilities.push(mapped) - 1
    this.positions.set(key, position)
    return position
  }

  private packagePosition(identity: PackageIdentity, found: TrivyPackage | undefined, locations: Location[]): number {
    const position = this.catalogue.byIdentity(identity, locations[0]?.path)
    if (position !== undefined) return position
    const { distro } = this.catalogue
    return this.catalogue.add({
      type: identity.type,
      name: identity.name,
      version: identity.version,
      purl: identity.purl,
      distro: distro === null ? null : distro.versionId === null ? distro.id : `${distro.id}:${distro.versionId}`,
      language: null,
      upstreams: upstreamsOf(found),
      cpes: [],
      licenses: found?.Licenses ?? [],
      matchKey: null,
      locations,
      foundBy: found?.AnalyzedBy ?? 'trivy',
    })
  }
}

interface PackageIdentity {
  readonly type: string
  readonly name: string
  readonly version: string
  readonly purl: string | null
}

function identityOfPackage(entry: TrivyPackage, result: TrivyResult): PackageIdentity {
  const purl = entry.Identifier?.PURL ?? null
  const parsed = purl === null ? undefined : parsePackageUrl(purl)
  return {
    type: parsed?.type ?? result.Type ?? 'unknown',
    name: parsed?.name ?? entry.Name,
    version: parsed?.version ?? fullVersion(entry.Epoch, entry.Version, entry.Release),
    purl,
  }
}

function identityOfVulnerable(vulnerability: TrivyVulnerability, result: TrivyResult): PackageIdentity {
  const purl = vulnerability.PkgIdentifier?.PURL ?? null
  const parsed = purl === null ? undefined : parsePackageUrl(purl)
  return {
    type: parsed?.type ?? result.Type ?? 'unknown',
    name: parsed?.name ?? vulnerability.PkgName,
    version: parsed?.version ?? vulnerability.InstalledVersion,
    purl,
  }
}

function fullVersion(epoch: number | null | undefined, version: string, release: string | null | undefined): string {
  return `${epoch ? `${epoch}:` : ''}${version}${release ? `-${release}` : ''}`
}

function upstreamsOf(found: TrivyPackage | undefined): ReportPackage['upstreams'] {
  if (!found?.SrcName || found.SrcName === found.Name) return []
  return [{ name: found.SrcName, version: found.SrcVersion ? fullVersion(found.SrcEpoch, found.SrcVersion, found.SrcRelease) : null }]
}

/** Trivy's paths have no leading slash. */
function locationsOf(path: string | null | undefined, diffId: string | null | undefined): Location[] {
  return path ? [{ path: path.startsWith('/') ? path : `/${path}`, layer: diffId ?? null }] : []
}

function mapVulnerability(vulnerability: TrivyVulnerability, result: TrivyResult): ReportVulnerability {
  const { canonicalId, aliases } = identifyVulnerability(
    vulnerability.VulnerabilityID,
    (vulnerability.VendorIDs ?? []).filter((id) => aliasPattern.test(id)),
  )
  return {
    nativeId: vulnerability.VulnerabilityID,
    namespace: [vulnerability.DataSource?.ID, result.Type].filter((part) => part).join(':'),
    canonicalId,
    aliases,
    severity: normaliseSeverity(vulnerability.Severity ?? undefined),
    severityGiven: vulnerability.Severity ?? 'UNKNOWN',
    cvss: mapCvss(vulnerability.CVSS ?? {}),
    epss: null,
    kev: null,
    dataSource: vulnerability.DataSource?.URL ?? null,
    urls: [...new Set([...(vulnerability.PrimaryURL ? [vulnerability.PrimaryURL] : []), ...(vulnerability.References ?? [])])],
    description: vulnerability.Description || vulnerability.Title || null,
    cwes: vulnerability.CweIDs ?? [],
  }
}

function mapCvss(scores: NonNullable<TrivyVulnerability['CVSS']>): Cvss[] {
  return Object.entries(scores).flatMap(([source, score]) =>
    (
      [
        ['4.0', score.V40Vector, score.V40Score],
        ['3', score.V3Vector, score.V3Score],
        ['2.0', score.V2Vector, score.V2Score],
      ] as const
    ).flatMap(([version, vector, baseScore]) =>
      vector
        ? [
            {
              source,
              type: null,
              version: /^CVSS:(\d\.\d)\//.exec(vector)?.[1] ?? version,
              vector,
              baseScore: baseScore === null || baseScore === undefined ? null : Math.min(10, Math.max(0, baseScore)),
            },
          ]
        : [],
    ),
  )
}

function mapSecret(secret: TrivySecret, target: string): ReportSecret {
  return {
    rule: secret.RuleID,
    category: secret.Category,
    title: secret.Title,
    severity: normaliseSeverity(secret.Severity ?? undefined),
    path: target,
    startLine: secret.StartLine,
    endLine: secret.EndLine,
    masked: maskSecret(secret.Match),
    layer: secret.Layer?.DiffID ?? null,
  }
}

function mapMisconfiguration(check: TrivyMisconfiguration, target: string): ReportMisconfiguration {
  return {
    check: check.ID,
    title: check.Title,
    description: check.Description,
    message: check.Message,
    resolution: check.Resolution,
    severity: normaliseSeverity(check.Severity ?? undefined),
    target,
    urls: [...new Set([...(check.PrimaryURL ? [check.PrimaryURL] : []), ...(check.References ?? [])])],
  }
}
