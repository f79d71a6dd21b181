import { createHash } from 'node:crypto'
import type { EngineReport, ReportMatch, ReportPackage, ReportVulnerability, ResolvedImage, ScanReport } from '@pharos/contracts'

export function digestOf(name: string): string {
  return `sha256:${createHash('sha256').update(name).digest('hex')}`
}

export function resolvedImage(name: string, change: Partial<ResolvedImage> = {}): ResolvedImage {
  return {
    digest: digestOf(name),
    indexDigest: null,
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    platform: 'linux/amd64',
    configDigest: digestOf(`${name} config`),
    sizeBytes: 3_400_000,
    layers: [{ digest: digestOf(`${name} layer`), sizeBytes: 3_400_000, mediaType: 'application/vnd.oci.image.layer.v1.tar+gzip' }],
    annotations: {},
    reference: { registry: 'registry.example', repository: `team-a/${name}`, tag: 'v1' },
    indexPlatforms: [],
    ...change,
  }
}

export function debPackage(name: string, change: Partial<ReportPackage> = {}): ReportPackage {
  return {
    type: 'deb',
    name,
    version: '1.2.3-1',
    purl: `pkg:deb/debian/${name}@1.2.3-1?arch=amd64&distro=debian-12`,
    distro: 'debian:12',
    language: null,
    upstreams: [{ name: `${name}-src`, version: null }],
    cpes: [`cpe:2.3:a:${name}:${name}:1.2.3-1:*:*:*:*:*:*:*`],
    licenses: ['GPL-2'],
    matchKey: null,
    locations: [
      { path: '/var/lib/dpkg/status', layer: null },
      { path: `/usr/share/doc/${name}/copyright`, layer: null },
    ],
    foundBy: 'dpkg-db-cataloger',
    ...change,
  }
}

export function vulnerability(id: string, change: Partial<ReportVulnerability> = {}): ReportVulnerability {
  return {
    nativeId: id,
    namespace: 'debian:distro:debian:12',
    canonicalId: id,
    aliases: [id],
    severity: 'high',
    severityGiven: 'High',
    cvss: [
      { source: 'nvd@nist.gov', type: 'Primary', version: '3.1', vector: 'CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H', baseScore: 9.8 },
    ],
    epss: { probability: 0.25, percentile: 0.9, date: '2026-11-20' },
    kev: null,
    dataSource: `https://security-tracker.debian.org/tracker/${id}`,
    urls: [],
    description: `What ${id} is about.`,
    cwes: ['CWE-787'],
    ...change,
  }
}

export function match(packagePosition: number, vulnerabilityPosition: number, change: Partial<ReportMatch> = {}): ReportMatch {
  return {
    package: packagePosition,
    vulnerability: vulnerabilityPosition,
    fixState: 'fixed',
    fixVersions: ['1.2.4'],
    fixAvailable: [{ version: '1.2.4', date: '2026-01-02', kind: 'advisory' }],
    risk: 3.5,
    locations: [{ path: '/var/lib/dpkg/status', layer: null }],
    details: [
      {
        type: 'exact-direct-match',
        matcher: 'dpkg-matcher',
        searchedBy: { package: packagePosition },
        found: { versionConstraint: '< 1.2.4 (deb)' },
      },
    ],
    ...change,
  }
}

export function engineReport(change: Partial<EngineReport> = {}): EngineReport {
  return {
    engine: 'grype',
    status: 'complete',
    engineVersion: '0.121.2',
    database: {
      generationId: null,
      schemaVersion: 'v6.1.10',
      builtAt: '2026-11-23T05:00:00Z',
      checksum: null,
      isSample: false,
      isStale: false,
    },
    reasons: [],
    vulnerabilities: [],
    matches: [],
    secrets: [],
    misconfigurations: [],
    ...change,
  }
}

export function scanReport(name: string, change: Partial<ScanReport> = {}): ScanReport {
  return {
    reportVersion: 1,
    image: resolvedImage(name),
    config: {
      os: 'linux',
      architecture: 'amd64',
      createdAt: '2026-10-01T10:00:00.123456789Z',
      labels: { team: 'a' },
      diffIds: [digestOf(`${name} diff`)],
      history: [{ createdBy: '/bin/sh -c #(nop) ADD file', createdAt: '2026-10-01T10:00:00Z', isEmptyLayer: false }],
    },
    distro: { id: 'debian', versionId: '12', prettyName: 'Debian GNU/Linux 12 (bookworm)' },
    catalogue: { cataloguer: 'syft', version: '1.57.0', configuration: 'a1b2', packageCount: 0, unreadable: [], isReused: false },
    packages: [],
    engines: [engineReport()],
    ...change,
  }
}

/** A report of packages `p0..` with one vulnerability each way: every package matches each of `ids`. */
export function simpleReport(
  name: string,
  packages: readonly string[],
  ids: readonly string[],
  engine: Partial<EngineReport> = {},
): ScanReport {
  return scanReport(name, {
    packages: packages.map((packageName) => debPackage(packageName)),
    engines: [
      engineReport({
        vulnerabilities: ids.map((id) => vulnerability(id)),
        matches: packages.flatMap((_name, packagePosition) => ids.map((_id, position) => match(packagePosition, position))),
        ...engine,
      }),
    ],
  })
}
