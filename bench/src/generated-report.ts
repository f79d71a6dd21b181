import { createHash } from 'node:crypto'
import type { ReportMatch, ReportPackage, ReportVulnerability, ResolvedImage, ScanReport } from '@pharos/contracts'

/** How large a generated report is: 400 packages with four findings each. */
export const reportSize = { packages: 400, matchesPerPackage: 4, vulnerabilities: 400 } as const

const severities = ['critical', 'high', 'medium', 'low'] as const
const sentence = 'A flaw was found in the way this library handles crafted input, which may lead to a crash or to the execution of code. '

/** A digest that stands for a name. */
export function digestOf(name: string): string {
  return `sha256:${createHash('sha256').update(name).digest('hex')}`
}

/** The image of a name, as a worker resolves it. */
export function imageOf(name: string): ResolvedImage {
  return {
    digest: digestOf(name),
    indexDigest: null,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platform: 'linux/amd64',
    configDigest: null,
    sizeBytes: 1,
    layers: [],
    annotations: {},
    reference: { registry: 'registry.example', repository: `bench/${name}`, tag: 'v1' },
    indexPlatforms: [],
  }
}

/** A report on a Debian image. Reports of one variant share their packages; vulnerabilities are always the same. */
export function reportOf(image: ResolvedImage, variant: string): ScanReport {
  const packages = Array.from({ length: reportSize.packages }, (_value, index) => packageOf(variant, index))
  return {
    reportVersion: 1,
    image,
    config: { os: 'linux', architecture: 'amd64', createdAt: null, labels: {}, diffIds: [], history: [] },
    distro: { id: 'debian', versionId: '12', prettyName: null },
    catalogue: { cataloguer: 'syft', version: '1', configuration: 'a', packageCount: packages.length, unreadable: [], isReused: false },
    packages,
    engines: [
      {
        engine: 'grype',
        status: 'complete',
        engineVersion: '1',
        database: { generationId: null, schemaVersion: 'v6', builtAt: null, checksum: null, isSample: false, isStale: false },
        reasons: [],
        vulnerabilities: Array.from({ length: reportSize.vulnerabilities }, (_value, index) => vulnerabilityOf(index)),
        matches: packages.flatMap((found, position) =>
          Array.from({ length: reportSize.matchesPerPackage }, (_value, index) => matchOf(found, position, index)),
        ),
        secrets: [],
        misconfigurations: [],
      },
    ],
  }
}

function packageOf(variant: string, index: number): ReportPackage {
  const name = `lib${variant}${index}`
  const version = `1.${index}-1`
  return {
    type: 'deb',
    name,
    version,
    purl: `pkg:deb/debian/${name}@${version}?arch=amd64&distro=debian-12&upstream=${name}-src`,
    distro: 'debian:12',
    language: null,
    upstreams: [{ name: `${name}-src`, version: null }],
    cpes: [`cpe:2.3:a:${name}:${name}:${version}:*:*:*:*:*:*:*`, `cpe:2.3:a:debian:${name}:${version}:*:*:*:*:*:*:*`],
    licenses: ['GPL-2', 'MIT'],
    matchKey: null,
    locations: [
      { path: '/var/lib/dpkg/status', layer: digestOf('base') },
      { path: `/usr/share/doc/${name}/copyright`, layer: digestOf('base') },
    ],
    foundBy: 'dpkg-db-cataloger',
  }
}

function vulnerabilityOf(index: number): ReportVulnerability {
  const id = vulnerabilityId(index)
  return {
    nativeId: id,
    namespace: 'debian:distro:debian:12',
    canonicalId: id,
    aliases: [id],
    severity: severities[index % severities.length] ?? 'low',
    severityGiven: 'High',
    cvss: [
      { source: 'nvd@nist.gov', type: 'Primary', version: '3.1', vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', baseScore: 9.8 },
    ],
    epss: { probability: (index % 97) / 100, percentile: 0.9, date: '2026-11-20' },
    kev: null,
    dataSource: `https://security-tracker.debian.org/tracker/${id}`,
    urls: [`https://example.com/advisories/${id}`],
    description: sentence.repeat(4),
    cwes: ['CWE-787'],
  }
}

function matchOf(found: ReportPackage, position: number, index: number): ReportMatch {
  const vulnerability = (position * reportSize.matchesPerPackage + index) % reportSize.vulnerabilities
  return {
    package: position,
    vulnerability,
    fixState: 'fixed',
    fixVersions: ['2.0-1'],
    fixAvailable: [{ version: '2.0-1', date: '2026-01-02', kind: 'advisory' }],
    risk: (position % 50) + index / 10,
    locations: found.locations,
    details: [
      {
        type: 'exact-indirect-match',
        matcher: 'dpkg-matcher',
        searchedBy: {
          distro: { type: 'debian', version: '12' },
          package: { name: `${found.name}-src`, version: found.version },
          namespace: 'debian:distro:debian:12',
        },
        found: { vulnerabilityID: vulnerabilityId(vulnerability), versionConstraint: '< 2.0-1 (deb)' },
      },
    ],
  }
}

function vulnerabilityId(index: number): string {
  return `CVE-2026-${10_000 + index}`
}
