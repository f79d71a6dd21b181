import { describe, expect, it } from 'vitest'
import { cycloneDxOf } from './cyclonedx.js'
import { spdxOf } from './spdx.js'
import { parseSyftDocument } from './syft-document.js'

const document = parseSyftDocument(
  JSON.stringify({
    artifacts: [
      {
        id: 'a1',
        name: 'libssl3',
        version: '3.0.11',
        type: 'deb',
        foundBy: 'dpkg-db-cataloger',
        purl: 'pkg:deb/debian/libssl3@3.0.11',
        locations: [{ path: '/var/lib/dpkg/status', layerID: 'sha256:1' }],
        licenses: [{ value: 'Apache-2.0', spdxExpression: 'Apache-2.0' }],
        cpes: [{ cpe: 'cpe:2.3:a:openssl:openssl:3.0.11:*:*:*:*:*:*:*', source: 'x' }],
        metadata: { files: [] },
      },
      {
        id: 'a2',
        name: 'curl',
        version: '',
        type: 'deb',
        licenses: ['curl custom', { value: 'MIT', spdxExpression: 'MIT' }],
        cpes: ['not a cpe'],
        locations: null,
      },
      { id: 'a2', name: 'curl twice' },
    ],
    artifactRelationships: [
      { parent: 'a1', child: 'a2', type: 'dependency-of' },
      { parent: 'a1', child: 'file', type: 'contains' },
      { parent: 'gone', child: 'a1', type: 'dependency-of' },
    ],
    distro: { id: 'debian', versionID: '12' },
    descriptor: { name: 'syft', version: '1.57.0' },
  }),
)
const subject = { digest: `sha256:${'a'.repeat(64)}`, name: 'registry.example/shop:v1', createdAt: new Date('2026-11-24T08:00:00Z') }

describe('CycloneDX', () => {
  const bom = cycloneDxOf(document, subject) as {
    serialNumber: string
    components: { 'bom-ref': string; name: string }[]
    dependencies: { ref: string; dependsOn: string[] }[]
  }

  it('names the image, its packages and its system', () => {
    expect(bom).toMatchObject({
      bomFormat: 'CycloneDX',
      specVersion: '1.6',
      metadata: { component: { type: 'container', name: subject.name, version: subject.digest } },
      components: [
        {
          name: 'libssl3',
          version: '3.0.11',
          purl: 'pkg:deb/debian/libssl3@3.0.11',
          cpe: 'cpe:2.3:a:openssl:openssl:3.0.11:*:*:*:*:*:*:*',
          licenses: [{ expression: 'Apache-2.0' }],
        },
        { name: 'curl twice' },
        { type: 'operating-system', name: 'debian', version: '12' },
      ],
    })
    expect(bom.serialNumber).toMatch(/^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/)
  })

  it('has unique references, and dependencies among them only', () => {
    const references = bom.components.map((component) => component['bom-ref'])
    expect(new Set(references).size).toBe(references.length)
    expect(bom.dependencies).toContainEqual({ ref: 'package:a2', dependsOn: ['package:a1'] })
    const known = new Set([...references, `image:${subject.digest}`])
    expect(bom.dependencies.flatMap(({ ref, dependsOn }) => [ref, ...dependsOn]).filter((reference) => !known.has(reference))).toEqual([])
  })
})

describe('SPDX', () => {
  it('declares what is an expression and extracts what is not', () => {
    const only = parseSyftDocument(
      JSON.stringify({ artifacts: [{ id: 'x', name: 'curl', licenses: ['curl custom', { value: 'MIT', spdxExpression: 'MIT' }] }] }),
    )
    const spdx = spdxOf(only, subject) as {
      packages: { licenseDeclared: string }[]
      hasExtractedLicensingInfos: { licenseId: string; extractedText: string }[]
      relationships: object[]
    }
    expect(spdx.packages[1]?.licenseDeclared).toMatch(/^LicenseRef-[0-9a-f-]+ AND MIT$/)
    expect(spdx.hasExtractedLicensingInfos).toEqual([expect.objectContaining({ extractedText: 'curl custom' })])
    expect(spdx.relationships[0]).toEqual({
      spdxElementId: 'SPDXRef-DOCUMENT',
      relationshipType: 'DESCRIBES',
      relatedSpdxElement: 'SPDXRef-Image',
    })
  })

  it('has the relationships of the SBOM', () => {
    expect(spdxOf(document, subject)).toMatchObject({
      spdxVersion: 'SPDX-2.3',
      dataLicense: 'CC0-1.0',
      creationInfo: { created: '2026-11-24T08:00:00Z' },
      relationships: expect.arrayContaining([
        { spdxElementId: 'SPDXRef-Package-a1', relationshipType: 'DEPENDENCY_OF', relatedSpdxElement: 'SPDXRef-Package-a2' },
      ]),
    })
  })
})

describe('a kept SBOM', () => {
  it.each(['{', '[]', '{"artifacts": [{"id": 1}]}'])('%s is refused', (text) => {
    expect(() => parseSyftDocument(text)).toThrow(expect.objectContaining({ code: 'sbom-invalid' }))
  })
})
