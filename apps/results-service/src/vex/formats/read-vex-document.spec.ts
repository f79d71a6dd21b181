import { describe, expect, it } from 'vitest'
import { readVexDocument } from './read-vex-document.js'

const now = new Date('2026-11-24T08:00:00.000Z')
const hex = 'a'.repeat(64)

describe('OpenVEX', () => {
  const read = (...statements: object[]) =>
    readVexDocument(
      {
        '@context': 'https://openvex.dev/ns/v0.2.0',
        '@id': 'https://example.org/vex/1',
        author: 'security@example.org',
        timestamp: '2026-11-20T08:00:00+01:00',
        version: 2,
        statements,
      },
      now,
    )
  const product = {
    '@id': 'pkg:oci/shop',
    identifiers: { purl: 'pkg:oci/shop', cpe23: 'cpe:2.3:a:x:y:*' },
    hashes: { 'sha-256': hex },
    subcomponents: [{ '@id': 'pkg:npm/a' }],
  }

  it('is read with its ids, dates and words', () => {
    expect(
      read({
        vulnerability: { '@id': 'https://nvd.nist.gov/CVE-1', name: 'CVE-1', aliases: ['GHSA-1'] },
        products: [product, 'pkg:npm/b'],
        status: 'not_affected',
        justification: 'inline_mitigations_already_exist',
        impact_statement: 'A filter stands before it.',
        status_notes: 'Seen on Tuesday.',
        timestamp: '2026-11-21T08:00:00Z',
      }),
    ).toEqual({
      format: 'openvex',
      documentId: 'https://example.org/vex/1',
      documentVersion: '2',
      author: 'security@example.org',
      issuedAt: new Date('2026-11-20T07:00:00.000Z'),
      warnings: [],
      statements: [
        {
          vulnerability: 'CVE-1',
          names: ['CVE-1', 'GHSA-1', 'https://nvd.nist.gov/CVE-1'],
          status: 'not_affected',
          justification: 'inline_mitigations_already_exist',
          impactStatement: 'A filter stands before it.',
          comment: 'Seen on Tuesday.',
          response: [],
          original: { format: 'openvex', status: 'not_affected', justification: 'inline_mitigations_already_exist' },
          at: new Date('2026-11-21T08:00:00.000Z'),
          products: [
            { ids: ['pkg:oci/shop', 'cpe:2.3:a:x:y:*', hex], subcomponents: ['pkg:npm/a'] },
            { ids: ['pkg:npm/b'], subcomponents: [] },
          ],
        },
      ],
    })
  })

  it.each([
    ['affected', { action_statement: 'Update.' }, 'affected', 'Update.'],
    ['under_investigation', { status_notes: 'Soon.' }, 'in_triage', 'Soon.'],
    ['fixed', {}, 'fixed', null],
  ])('%s is told in our words', (status, more, ours, comment) => {
    expect(read({ vulnerability: 'CVE-1', products: [product], status, ...more }).statements).toMatchObject([{ status: ours, comment }])
  })

  it('leaves out statements that say nothing of anything, with a warning', () => {
    const good = { vulnerability: { name: 'CVE-1' }, products: [product], status: 'fixed' }
    const document = read(
      good,
      { ...good, products: [] },
      { ...good, vulnerability: {} },
      { ...good, status: 'not_affected' },
      { ...good, status: 'not_affected', justification: 'because' },
    )
    expect(document.statements).toHaveLength(1)
    expect(document.warnings).toEqual([
      'Statement 2: it names no product.',
      'Statement 3: it names no vulnerability.',
      'Statement 4: not_affected needs a justification or an impact_statement.',
      'Statement 5: there is no justification "because".',
    ])
  })
})

describe('CycloneDX', () => {
  const read = (affects: object[], analysis: object, more: object = {}) =>
    readVexDocument(
      {
        bomFormat: 'CycloneDX',
        specVersion: '1.5',
        serialNumber: 'urn:uuid:3e671687-395b-41f5-a30f-a58921a69b79',
        version: 3,
        metadata: {
          timestamp: '2026-11-20T08:00:00Z',
          authors: [{ name: 'Ana' }],
          component: { type: 'container', 'bom-ref': 'app', name: 'registry.example/shop', version: `sha256:${hex}` },
        },
        components: [
          { type: 'library', 'bom-ref': 'lodash', name: 'lodash', version: '4.17.20', purl: 'pkg:npm/lodash@4.17.20' },
          {
            type: 'container',
            'bom-ref': 'blog',
            name: 'blog',
            purl: 'pkg:oci/blog',
            components: [{ type: 'library', 'bom-ref': 'sed', name: 'sed', purl: 'pkg:deb/debian/sed' }],
          },
        ],
        vulnerabilities: [{ id: 'CVE-1', references: [{ id: 'GHSA-1', source: { name: 'GitHub' } }], analysis, affects, ...more }],
      },
      now,
    )
  const shop = ['registry.example/shop@sha256:'.concat(hex), `sha256:${hex}`]

  it.each([
    ['the image', 'app', { ids: shop, subcomponents: [] }],
    ['a package of it', 'lodash', { ids: shop, subcomponents: ['pkg:npm/lodash@4.17.20'] }],
    ['a package of another image', 'sed', { ids: ['pkg:oci/blog'], subcomponents: ['pkg:deb/debian/sed'] }],
    ['another image', 'blog', { ids: ['pkg:oci/blog'], subcomponents: [] }],
    ['a purl', 'pkg:npm/a@1', { ids: shop, subcomponents: ['pkg:npm/a@1'] }],
    [
      'a link that ends in a purl',
      'urn:cdx:3e671687-395b-41f5-a30f-a58921a69b79/1#pkg%3Anpm%2Fa%401',
      { ids: shop, subcomponents: ['pkg:npm/a@1'] },
    ],
  ])('a reference means %s', (_what, ref, product) => {
    expect(read([{ ref }], { state: 'resolved' }).statements).toMatchObject([
      { vulnerability: 'CVE-1', names: ['CVE-1', 'GHSA-1'], products: [product] },
    ])
  })

  it('names versions that are not said to be unaffected', () => {
    const versions = [{ version: '1' }, { version: '2', status: 'unaffected' }, { version: '3', status: 'affected' }]
    expect(read([{ ref: 'pkg:npm/%40scope/a?x=y', versions }], { state: 'exploitable' }).statements[0]?.products).toEqual([
      { ids: shop, subcomponents: ['pkg:npm/%40scope/a@1?x=y', 'pkg:npm/%40scope/a@3?x=y'] },
    ])
  })

  it.each([
    [{ state: 'resolved_with_pedigree' }, { status: 'fixed', justification: null }],
    [
      { state: 'exploitable', response: ['update', 'pray'], detail: 'Update.' },
      { status: 'affected', response: ['update'], comment: 'Update.' },
    ],
    [{ state: 'in_triage' }, { status: 'in_triage' }],
    [
      { state: 'false_positive', detail: 'Other product.' },
      { status: 'false_positive', impactStatement: 'Other product.', comment: null },
    ],
    [{ state: 'not_affected', justification: 'code_not_present' }, { justification: 'vulnerable_code_not_present' }],
    [{ state: 'not_affected', justification: 'code_not_reachable' }, { justification: 'vulnerable_code_not_in_execute_path' }],
    [
      { state: 'not_affected', justification: 'requires_configuration' },
      { justification: 'vulnerable_code_cannot_be_controlled_by_adversary' },
    ],
    [
      { state: 'not_affected', justification: 'requires_dependency' },
      { justification: 'vulnerable_code_cannot_be_controlled_by_adversary' },
    ],
    [
      { state: 'not_affected', justification: 'requires_environment' },
      { justification: 'vulnerable_code_cannot_be_controlled_by_adversary' },
    ],
    [{ state: 'not_affected', justification: 'protected_by_compiler' }, { justification: 'inline_mitigations_already_exist' }],
    [{ state: 'not_affected', justification: 'protected_at_runtime' }, { justification: 'inline_mitigations_already_exist' }],
    [{ state: 'not_affected', justification: 'protected_at_perimeter' }, { justification: 'inline_mitigations_already_exist' }],
    [
      { state: 'not_affected', justification: 'protected_by_mitigating_control' },
      {
        justification: 'inline_mitigations_already_exist',
        original: { format: 'cyclonedx', status: 'not_affected', justification: 'protected_by_mitigating_control' },
      },
    ],
    [
      { state: 'resolved', firstIssued: '2026-11-01T00:00:00Z', lastUpdated: '2026-11-02T00:00:00Z' },
      { at: new Date('2026-11-02T00:00:00Z') },
    ],
    [{ state: 'resolved' }, { at: new Date('2026-11-20T08:00:00Z') }],
  ])('%j is told in our words', (analysis, ours) => {
    expect(read([{ ref: 'app' }], analysis).statements).toMatchObject([ours])
  })

  it('warns of references that lead nowhere', () => {
    expect(read([{ ref: 'app' }, { ref: 'nowhere' }], { state: 'resolved' }).warnings).toEqual([
      'Vulnerability 1: "nowhere" is in no part of the document.',
    ])
  })
})

describe('CSAF', () => {
  const read = (vulnerability: object) =>
    readVexDocument(
      {
        document: {
          csaf_version: '2.0',
          category: 'csaf_vex',
          publisher: { name: 'Example', category: 'vendor', namespace: 'https://example.org' },
          tracking: { id: 'EX-1', version: '2', current_release_date: '2026-11-20T08:00:00.000Z' },
        },
        product_tree: {
          branches: [
            {
              category: 'vendor',
              name: 'Example',
              branches: [
                {
                  category: 'product_version',
                  name: 'shop',
                  product: {
                    product_id: 'shop',
                    name: 'shop',
                    product_identification_helper: {
                      purl: 'pkg:oci/shop',
                      hashes: [{ file_hashes: [{ algorithm: 'sha256', value: hex }] }],
                    },
                  },
                },
                {
                  category: 'product_version',
                  name: 'tar',
                  product: { product_id: 'tar', name: 'tar', product_identification_helper: { purl: 'pkg:deb/debian/tar' } },
                },
              ],
            },
          ],
          full_product_names: [{ product_id: 'platform', name: 'Platform 9', product_identification_helper: { cpe: 'cpe:/o:x:y:9' } }],
          relationships: [
            {
              category: 'default_component_of',
              product_reference: 'tar',
              relates_to_product_reference: 'shop',
              full_product_name: { product_id: 'shop:tar', name: 'tar in shop' },
            },
            {
              category: 'default_component_of',
              product_reference: 'tar',
              relates_to_product_reference: 'platform',
              full_product_name: { product_id: 'platform:tar', name: 'tar on platform' },
            },
          ],
          product_groups: [{ group_id: 'all', product_ids: ['tar', 'shop:tar'] }],
        },
        vulnerabilities: [{ cve: 'CVE-2024-1', ids: [{ system_name: 'X', text: 'X-1' }], ...vulnerability }],
      },
      now,
    )

  it.each([
    ['fixed', 'fixed'],
    ['first_fixed', 'fixed'],
    ['known_affected', 'affected'],
    ['first_affected', 'affected'],
    ['last_affected', 'affected'],
    ['under_investigation', 'in_triage'],
  ])('%s is %s', (status, ours) => {
    expect(read({ product_status: { [status]: ['shop'] } }).statements).toMatchObject([
      {
        names: ['CVE-2024-1', 'X-1'],
        status: ours,
        products: [{ ids: ['pkg:oci/shop', hex], subcomponents: [] }],
        original: { format: 'csaf', status },
      },
    ])
  })

  it('tells components of an image from products, and joins what says the same', () => {
    expect(
      read({
        product_status: { known_not_affected: ['shop:tar', 'tar'] },
        flags: [{ label: 'component_not_present', group_ids: ['all'], date: '2026-11-18T00:00:00Z' }],
        threats: [{ category: 'impact', details: 'Not shipped.', product_ids: ['tar', 'shop:tar'], date: '2026-11-19T00:00:00Z' }],
      }).statements,
    ).toMatchObject([
      {
        status: 'not_affected',
        justification: 'component_not_present',
        impactStatement: 'Not shipped.',
        at: new Date('2026-11-19T00:00:00Z'),
        products: [
          { ids: ['pkg:oci/shop', hex], subcomponents: ['pkg:deb/debian/tar'] },
          { ids: ['pkg:deb/debian/tar'], subcomponents: [] },
        ],
      },
    ])
  })

  it('says what it could not use', () => {
    const document = read({ product_status: { known_not_affected: ['shop'], fixed: ['tar', 'platform', 'platform:tar', 'unknown'] } })
    expect(document.statements).toMatchObject([
      { status: 'fixed', products: [{ ids: ['pkg:deb/debian/tar'] }, { ids: ['cpe:/o:x:y:9'], subcomponents: ['pkg:deb/debian/tar'] }] },
    ])
    expect(document.warnings).toEqual([
      'CVE-2024-1: shop is said to be not affected, and nothing says why.',
      '2 products have neither a purl nor a hash, and say nothing of images: platform, unknown',
    ])
  })

  it('reads what is done about an affected product', () => {
    expect(
      read({
        product_status: { known_affected: ['shop'] },
        remediations: [
          { category: 'vendor_fix', details: 'Update to 2.', product_ids: ['shop'] },
          { category: 'workaround', details: 'Switch it off.', product_ids: ['shop'] },
        ],
      }).statements,
    ).toMatchObject([{ comment: 'Update to 2.', response: ['update', 'workaround_available'] }])
  })
})

describe('anything else', () => {
  it.each([
    [null],
    ['text'],
    [[]],
    [{}],
    [{ bomFormat: 'CycloneDX', specVersion: '1.3', vulnerabilities: [] }],
    [{ bomFormat: 'CycloneDX', specVersion: '1.6', vulnerabilities: [{ id: 'CVE-1' }] }],
    [{ document: { csaf_version: '1.2' }, vulnerabilities: [] }],
    [{ '@context': 'https://openvex.dev/ns/v0.2.0', statements: 1 }],
  ])('%j is refused', (document) => {
    expect(() => readVexDocument(document, now)).toThrow(expect.objectContaining({ code: 'vex-invalid' }))
  })

  it('is refused with the place that is wrong', () => {
    const document = {
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': 'x',
      author: 'y',
      timestamp: 'yesterday',
      version: 1,
      statements: [],
    }
    expect(() => readVexDocument(document, now)).toThrow(
      expect.objectContaining({ errors: [expect.objectContaining({ pointer: '#/body/timestamp' })] }),
    )
  })
})
