import { type EnricherPayload, EnricherPayloadFinding, EnricherPayload as Payload, exampleOf } from '@pharos/contracts'

type Finding = EnricherPayload['Findings'][number]

const layers = [
  'sha256:1111111111111111111111111111111111111111111111111111111111111111',
  'sha256:2222222222222222222222222222222222222222222222222222222222222222',
] as const

const packages = [
  {
    name: 'openssl',
    version: '3.0.11-1~deb12u2',
    type: 'deb',
    purl: 'pkg:deb/debian/openssl@3.0.11-1~deb12u2?arch=amd64&distro=debian-12',
    layer: 0,
  },
  { name: 'nginx', version: '1.22.1-9', type: 'deb', purl: 'pkg:deb/debian/nginx@1.22.1-9?arch=amd64&distro=debian-12', layer: 0 },
  { name: 'node', version: '20.11.1', type: 'binary', purl: 'pkg:generic/node@20.11.1', layer: 1 },
  { name: 'lodash', version: '4.17.20', type: 'npm', purl: 'pkg:npm/lodash@4.17.20', layer: 1 },
] as const

function finding(at: number, values: Partial<Finding>): Finding {
  const of = packages[at] ?? packages[0]
  return {
    ...exampleOf(EnricherPayloadFinding),
    Kev: false,
    FixState: 'not-fixed',
    FixVersions: [],
    Package: { Name: of.name, Version: of.version, Type: of.type, Purl: of.purl },
    Layer: layers[of.layer],
    FromBase: of.layer === 0,
    FoundIn: [of.type === 'deb' ? '/var/lib/dpkg/status' : `/app/node_modules/${of.name}/package.json`],
    ...values,
  }
}

const findings: readonly Finding[] = [
  finding(1, { Id: 'f_1', AdvId: 'CVE-2023-44487', Severity: 'High', Kev: true, Risk: 80.3, Epss: 0.94, EpssPercentile: 0.99 }),
  finding(0, {
    Id: 'f_2',
    AdvId: 'CVE-2024-5535',
    Severity: 'Critical',
    Risk: 9.1,
    Epss: 0.04,
    EpssPercentile: 0.88,
    FixState: 'fixed',
    FixVersions: ['3.0.15-1~deb12u1'],
  }),
  finding(3, {
    Id: 'f_3',
    AdvId: 'GHSA-35jh-r3h4-6jhm',
    AdvSource: 'github:language:javascript',
    Severity: 'High',
    Risk: 3.2,
    Epss: 0.012,
    EpssPercentile: 0.79,
    FixState: 'fixed',
    FixVersions: ['4.17.21'],
  }),
  finding(0, { Id: 'f_4', AdvId: 'CVE-2023-5678', Severity: 'Medium', Risk: 0.4, Epss: 0.003, EpssPercentile: 0.5 }),
  finding(1, {
    Id: 'f_5',
    AdvId: 'CVE-2013-0337',
    Severity: 'Low',
    Risk: 0.1,
    Epss: 0.001,
    EpssPercentile: 0.2,
    Decision: 'not_affected',
    Suppressed: true,
  }),
]

/** A payload for tests and for the lab: a web server on Debian 12 with five findings, in the namespace shop. Each call gives a new one. */
export function samplePayload(): EnricherPayload {
  const base = exampleOf(Payload)
  const vulnerabilities = findings.map(({ AdvId, AdvSource, Severity, Risk, Epss, EpssPercentile, Kev }) => ({
    ...base.Vulnerabilities[0],
    AdvId,
    AdvSource,
    Severity,
    RiskScore: Risk,
    Epss,
    EpssPercentile,
    Kev,
    Aliases: AdvId.startsWith('GHSA') ? 'CVE-2021-23337' : '',
    KevDate: Kev ? '2023-10-10T00:00:00Z' : '0001-01-01T00:00:00Z',
    RansomwareUsed: Kev ? 'Unknown' : '',
  }))
  const facts = {
    Findings: findings.map((one) => ({ ...one })),
    Vulnerabilities: vulnerabilities,
    Packages: packages.map(({ name, version, type, purl, layer }) => ({
      Key: purl,
      Name: name,
      Version: version,
      Type: type,
      Purl: purl,
      Cpes: [],
      Layer: layers[layer],
      Licenses: [],
    })),
  }
  return Payload.parse(
    structuredClone({
      ...base,
      ...facts,
      Image: {
        ...base.Image,
        ...facts,
        ImageSpec: 'docker.io/library/shop-web:1.4.2',
        Tags: ['docker.io/library/shop-web:1.4.2'],
        Layers: layers,
        BaseImage: { Digest: base.Image.ManifestDigest, References: ['docker.io/library/debian:12'], Source: 'prefix', LayerCount: 1 },
      },
    }),
  )
}
