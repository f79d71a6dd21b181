import { findTool } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type GrypeMatch, type GrypeOnSample, grypeOnSample, keyOfMatch, reportOfMatches } from './__tests__/grype-command.js'
import { createVexHarness, openVex, statement, triager, type VexHarness } from './__tests__/vex-harness.js'

const repository = 'registry.example:5000/team-a/shop'

const hasTools = ['grype', 'syft', 'pharos-sampledb'].every((name) => findTool(name) !== undefined)

describe.skipIf(!hasTools)('a VEX document suppresses what it makes grype ignore', () => {
  let harness: VexHarness
  let grype: GrypeOnSample
  beforeAll(async () => {
    harness = await createVexHarness()
    await harness.clear()
    grype = await grypeOnSample('debian-app', repository)
    await harness.store(reportOfMatches('shop', grype))
  }, 600_000)
  afterAll(async () => {
    await harness.app.close()
    await grype.close()
  })

  async function suppressed(): Promise<string[]> {
    const found = await harness.app.query<{ native_id: string; namespace: string; purl: string; path: string }>(
      `select v.native_id, v.namespace, p.purl, o.detail -> 'locations' -> 0 ->> 'path' as path
         from finding f join vulnerability v on v.id = f.vulnerability_id join package p on p.id = f.package_id
         join image_package o on o.image_id = f.image_id and o.occurrence = f.occurrence where f.is_suppressed`,
    )
    return found.map(({ native_id, namespace, purl, path }) => [native_id, namespace, purl, path].join(' ')).sort()
  }

  /** What the document suppresses; it is removed again. */
  async function suppressedByPharos(document: unknown): Promise<string[]> {
    expect(await suppressed()).toEqual([])
    const answer = await harness.upload(document)
    expect(answer).toMatchObject({ status: 201, body: { state: 'applied' } })
    const found = await suppressed()
    await harness.remove(answer.body.id)
    return found
  }

  /** One statement about each vulnerability that grype finds, about these products. */
  const aboutAll = (products: unknown[], change: Record<string, unknown> = {}) =>
    openVex([...new Set(grype.matches.map(({ vulnerability }) => vulnerability.id))].map((id) => statement(id, products, change)))
  const purls = (...names: string[]) =>
    names.map((name) => ({ '@id': grype.matches.find(({ artifact }) => artifact.name === name)?.artifact.purl ?? `no match of ${name}` }))
  const hex = () => grype.digest.replace('sha256:', '')
  const fixed = { status: 'fixed', justification: undefined }

  it.each<[string, () => unknown, 'some' | 'all' | 'none']>([
    ['a tag', () => aboutAll([{ '@id': `${repository}:v1` }]), 'all'],
    ['another tag', () => aboutAll([{ '@id': `${repository}:v2` }]), 'none'],
    ['a digest in a repository', () => aboutAll([{ '@id': `${repository}@${grype.digest}` }]), 'all'],
    ['a bare digest', () => aboutAll([{ '@id': hex() }]), 'all'],
    ['hashes', () => aboutAll([{ '@id': 'https://example.org/shop', hashes: { 'sha-256': hex() } }]), 'all'],
    ['a purl with a digest', () => aboutAll([{ '@id': `pkg:oci/shop@${grype.digest}` }]), 'all'],
    [
      'an escaped purl',
      () => aboutAll([{ '@id': `pkg:oci/shop@sha256%3A${hex()}?repository_url=registry.example%3A5000%2Fteam-a%2Fshop` }]),
      'all',
    ],
    [
      'a purl of another repository',
      () => aboutAll([{ '@id': `pkg:oci/shop@${grype.digest}?repository_url=registry.example:5000/team-b/shop` }]),
      'none',
    ],
    ['a purl with a tag', () => aboutAll([{ '@id': `pkg:oci/shop?tag=v1&repository_url=${repository}` }]), 'all'],
    [
      'an identifier',
      () => aboutAll([{ '@id': 'https://example.org/shop', identifiers: { purl: `pkg:oci/shop@${grype.digest}` } }]),
      'all',
    ],
    ['subcomponents', () => aboutAll([{ '@id': `pkg:oci/shop@${grype.digest}`, subcomponents: purls('openssl', 'lodash') }]), 'some'],
    [
      'subcomponents without version and qualifiers',
      () => aboutAll([{ '@id': `${repository}:v1`, subcomponents: [{ '@id': 'pkg:deb/debian/libc6' }, { '@id': 'pkg:npm/lodash' }] }]),
      'some',
    ],
    [
      'a subcomponent of another distribution',
      () => aboutAll([{ '@id': `${repository}:v1`, subcomponents: [{ '@id': 'pkg:deb/ubuntu/libc6' }] }]),
      'none',
    ],
    ['a package as the product', () => aboutAll(purls('curl')), 'some'],
    ['a package with a qualifier', () => aboutAll([{ '@id': 'pkg:deb/debian/curl?distro=debian-12.0' }]), 'some'],
    ['a package with a qualifier of others', () => aboutAll([{ '@id': 'pkg:deb/debian/curl?distro=debian-11' }]), 'none'],
    ['a package of another version', () => aboutAll([{ '@id': 'pkg:npm/lodash@4.17.19' }]), 'none'],
    ['fixed packages', () => aboutAll(purls('lodash'), fixed), 'some'],
    [
      'affected packages',
      () => aboutAll(purls('lodash'), { status: 'affected', justification: undefined, action_statement: 'Update.' }),
      'none',
    ],
    ['packages under investigation', () => aboutAll(purls('lodash'), { status: 'under_investigation', justification: undefined }), 'none'],
    ['another vulnerability', () => openVex([statement('CVE-1999-0001', [{ '@id': `${repository}:v1` }])]), 'none'],
    [
      'a vulnerability by an alias of the statement',
      () =>
        openVex([
          statement('INTERNAL-1', [{ '@id': `${repository}:v1` }], {
            vulnerability: { name: 'INTERNAL-1', aliases: [grype.matches[0]?.vulnerability.id] },
          }),
        ]),
      'some',
    ],
  ])(
    'with %s',
    async (_form, make, expected) => {
      const byGrype = await grype.suppressedBy(make())
      expect(await suppressedByPharos(make())).toEqual(byGrype)
      const all = grype.matches.map(keyOfMatch).sort()
      if (expected === 'all') expect(byGrype).toEqual(all)
      else if (expected === 'none') expect(byGrype).toEqual([])
      else expect(byGrype.length > 0 && byGrype.length < all.length).toBe(true)
    },
    60_000,
  )

  it.each(['openvex', 'csaf'])('and what goes out as %s makes grype ignore what is suppressed here', async (format) => {
    const [first, second, third] = ['tar', 'curl', 'openssl'].map((name) => grype.matches.find(({ artifact }) => artifact.name === name))
    const decide = async (found: GrypeMatch | undefined, payload: object) => {
      const [row] = await harness.app.query<{ id: string }>(
        `select 'f_' || replace(f.id::text, '-', '') as id from finding f join package p on p.id = f.package_id
           join vulnerability v on v.id = f.vulnerability_id where p.purl = $1 and v.native_id = $2`,
        [found?.artifact.purl, found?.vulnerability.id],
      )
      const answer = await harness.app.request({
        method: 'PATCH',
        url: `/api/v1/findings/${row?.id ?? ''}`,
        principal: triager('ana'),
        payload,
        headers: { 'if-match': '*' },
      })
      expect(answer.status).toBe(200)
    }
    await decide(first, { status: 'not_affected', justification: 'inline_mitigations_already_exist' })
    await decide(second, { status: 'false_positive', comment: 'Another curl.' })
    await decide(third, { status: 'affected' })
    const exported = await harness.app.request({
      method: 'GET',
      url: `/api/v1/images/${grype.digest}/vex?format=${format}`,
      principal: triager('ana'),
    })
    expect(exported.status).toBe(200)
    expect(await grype.suppressedBy(exported.body)).toEqual(await suppressed())
    expect(await suppressed()).toHaveLength(2)
    for (const found of [first, second, third]) await decide(found, { status: 'new' })
  })
})
