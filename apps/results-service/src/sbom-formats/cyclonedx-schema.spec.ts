import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import { describe, expect, it } from 'vitest'
import { cycloneDxOf } from './cyclonedx.js'
import { parseSyftDocument } from './syft-document.js'

const subject = { digest: `sha256:${'a'.repeat(64)}`, name: 'registry.example/shop:v1', createdAt: new Date('2026-11-24T08:00:00Z') }
const artifact = {
  id: 'a1',
  name: 'libssl3',
  version: '3.0.11',
  type: 'deb',
  purl: 'pkg:deb/debian/libssl3@3.0.11',
  locations: [{ path: '/var/lib/dpkg/status', layerID: 'sha256:1' }],
  licenses: [{ value: 'Apache-2.0', spdxExpression: 'Apache-2.0' }],
  cpes: [{ cpe: 'cpe:2.3:a:openssl:openssl:3.0.11:*:*:*:*:*:*:*', source: 'x' }],
}

/** What the official schema of CycloneDX 1.6 objects to; null: nothing. */
function objections(...artifacts: object[]) {
  const relations = artifacts.slice(1).map((_artifact, index) => ({ parent: 'a1', child: `a${index + 2}`, type: 'dependency-of' }))
  const document = parseSyftDocument(
    JSON.stringify({
      artifacts,
      artifactRelationships: relations,
      distro: { id: 'debian', versionID: '12' },
      descriptor: { name: 'syft', version: '1.57.0' },
    }),
  )
  return new Validation.JsonStrictValidator(Spec.Version.v1dot6).validate(JSON.stringify(cycloneDxOf(document, subject)))
}

describe('CycloneDX, by its official schema', () => {
  it.each([
    ['an image without packages', []],
    ['a package with everything', [artifact]],
    ['packages that depend on each other', [artifact, { ...artifact, id: 'a2', name: 'curl' }]],
    ['a package of which only the name is known', [{ id: 'a1', name: 'x' }]],
    ['a licence that is no SPDX expression', [{ ...artifact, licenses: ['curl custom', { value: 'MIT', spdxExpression: 'MIT' }] }]],
    [
      'an expression beside a licence',
      [{ ...artifact, licenses: [{ value: 'MIT OR Apache-2.0', spdxExpression: 'MIT OR Apache-2.0' }, 'MIT'] }],
    ],
    ['a cpe that is none', [{ ...artifact, cpes: ['not a cpe'] }]],
    ['a purl that is none', [{ ...artifact, purl: 'not a purl' }]],
  ])('fits for %s', async (_sentence, artifacts) => {
    expect(await objections(...artifacts)).toBeNull()
  })

  it('does not fit for everything', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
    expect(await validator.validate('{"bomFormat": "CycloneDX", "specVersion": "1.6", "colour": "red"}')).not.toBeNull()
  })
})
