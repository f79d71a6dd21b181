import { Spec, Validation } from '@cyclonedx/cyclonedx-library'
import type { Decision, SetDecision } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin } from '../__tests__/results-app.js'
import { debPackage, digestOf, engineReport, match, scanReport, simpleReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { createVexHarness, triager, type VexHarness } from './__tests__/vex-harness.js'

let harness: VexHarness
beforeAll(async () => {
  harness = await createVexHarness()
})
beforeEach(() => harness.clear())
afterAll(() => harness.app.close())

const packages = ['tar', 'gzip', 'sed', 'awk', 'grep', 'curl', 'bash']
const decided: Readonly<Record<string, SetDecision>> = {
  tar: {
    status: 'not_affected',
    justification: 'code_not_reachable',
    impactStatement: 'The decoder is not built in.',
    comment: 'Checked by hand.',
  },
  gzip: { status: 'affected', comment: 'Update to 1.2.4.', response: ['update'] },
  sed: { status: 'accepted', comment: 'Build stage only.' },
  awk: { status: 'false_positive' },
  grep: { status: 'in_triage' },
  curl: { status: 'fixed' },
  bash: { status: 'not_affected', impactStatement: 'No shell is reachable.' },
}

async function decideAll(): Promise<void> {
  for (const [name, decision] of Object.entries(decided)) {
    const { finding } = await harness.detailOf(name)
    const answer = await harness.app.request({
      method: 'PATCH',
      url: `/api/v1/findings/${finding.id}`,
      principal: triager('ana'),
      payload: decision,
      headers: { 'if-match': '*' },
    })
    expect(answer.status).toBe(200)
  }
}

const get = (path: string, principal = admin, headers: Record<string, string> = {}) =>
  harness.app.request({ method: 'GET', url: `/api/v1${path}`, principal, headers })
const imageVex = async (format: string) => (await get(`/images/${digestOf('shop')}/vex?format=${format}`)).body as Record<string, unknown>

/** What each finding's decision says, without who made it. */
async function sayings(): Promise<Record<string, Partial<Decision>>> {
  const found: Record<string, Partial<Decision>> = {}
  for (const name of packages) {
    const { decision } = await harness.detailOf(name)
    if (decision !== null) {
      const { status, justification, impactStatement, comment, response } = decision
      found[name] = { status, justification, impactStatement, comment, response }
    }
  }
  return found
}

describe('decisions of an image', () => {
  beforeEach(async () => {
    await harness.store(
      scanReport('shop', {
        packages: packages.map((name) => debPackage(name)),
        engines: [
          engineReport({
            vulnerabilities: [vulnerability('GHSA-1111-2222-3333', { canonicalId: 'CVE-2024-1111' }), vulnerability('CVE-2024-2222')],
            matches: packages.map((_name, position) => match(position, position % 2)),
          }),
        ],
      }),
    )
    await decideAll()
  })

  it.each([
    ['openvex', ['status', 'justification', 'impactStatement', 'comment']],
    ['cyclonedx', ['status', 'justification', 'impactStatement', 'comment', 'response']],
    // CSAF has one text a product and no word of one that is fixed.
    ['csaf', ['status', 'justification', 'impactStatement', 'response']],
  ] as const)('come out as %s and mean the same when they are read back', async (format, kept) => {
    const before = await sayings()
    const document = await imageVex(format)
    await harness.clear()
    await harness.store(
      scanReport('shop', {
        packages: packages.map((name) => debPackage(name)),
        engines: [
          engineReport({
            vulnerabilities: [vulnerability('GHSA-1111-2222-3333', { canonicalId: 'CVE-2024-1111' }), vulnerability('CVE-2024-2222')],
            matches: packages.map((_name, position) => match(position, position % 2)),
          }),
        ],
      }),
    )
    const { status, body } = await harness.upload(document)
    expect({ status, body }).toMatchObject({ status: 201, body: { format, decided: packages.length, warnings: [] } })
    const after = await sayings()
    const pick = (saying: Partial<Decision> | undefined) => Object.fromEntries(kept.map((key) => [key, saying?.[key]]))
    for (const name of packages) expect([name, pick(after[name])]).toEqual([name, pick(before[name])])
  })

  it('fit the official schema of CycloneDX', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
    expect(await validator.validate(JSON.stringify(await imageVex('cyclonedx')))).toBeNull()
  })

  it('name the image by purl and digest, the packages as its parts, and have a version that rises with each change', async () => {
    const document = await imageVex('openvex')
    expect(document).toMatchObject({
      '@context': 'https://openvex.dev/ns/v0.2.0',
      '@id': `https://pharos.dev/vex/images/${digestOf('shop')}`,
      version: packages.length,
    })
    expect(document['statements']).toContainEqual({
      vulnerability: { name: 'CVE-2024-1111', aliases: ['GHSA-1111-2222-3333'] },
      timestamp: expect.any(String) as string,
      products: [
        {
          '@id': `pkg:oci/shop@${digestOf('shop')}?repository_url=registry.example/team-a/shop`,
          identifiers: { purl: `pkg:oci/shop@${digestOf('shop')}?repository_url=registry.example/team-a/shop` },
          hashes: { 'sha-256': digestOf('shop').slice(7) },
          subcomponents: [{ '@id': debPackage('tar').purl, identifiers: { purl: debPackage('tar').purl } }],
        },
      ],
      status: 'not_affected',
      // The official schema lets a statement have one of justification and impact_statement.
      justification: 'vulnerable_code_not_in_execute_path',
      status_notes: 'Impact: The decoder is not built in.\n\nChecked by hand.',
    })
    const { finding } = await harness.detailOf('tar')
    await harness.app.request({
      method: 'PATCH',
      url: `/api/v1/findings/${finding.id}`,
      principal: triager('ana'),
      payload: { status: 'fixed' },
      headers: { 'if-match': '*' },
    })
    expect((await imageVex('openvex'))['version']).toBe(packages.length + 1)
    expect((await imageVex('cyclonedx'))['version']).toBe(packages.length + 1)
    expect(await imageVex('csaf')).toMatchObject({ document: { tracking: { version: `1.${packages.length + 1}.0` } } })
  })

  it('are not sent again to who has them', async () => {
    const path = `/images/${digestOf('shop')}/vex`
    const { headers } = await get(path)
    expect(await get(path, admin, { 'if-none-match': String(headers['etag']) })).toMatchObject({ status: 304 })
  })

  it('are shown to those who see the image', async () => {
    expect(await get(`/images/${digestOf('shop')}/vex`, triager('bob', 'registry.example/team-b/*'))).toMatchObject({ status: 404 })
  })
})

describe('decisions of the fleet', () => {
  beforeEach(async () => {
    await harness.store(simpleReport('shop', ['tar', 'gzip'], ['CVE-2024-1111']))
    await harness.store(simpleReport('blog', ['sed'], ['CVE-2024-2222']))
    for (const name of ['tar', 'sed']) {
      await harness.app.request({
        method: 'PATCH',
        url: `/api/v1/findings/${(await harness.detailOf(name)).finding.id}`,
        principal: triager('ana'),
        payload: { status: 'fixed' },
        headers: { 'if-match': '*' },
      })
    }
  })

  const named = async (query: string, principal = admin) => {
    const { body } = await get(`/vex/export${query}`, principal)
    return ((body as { statements?: { vulnerability: { name: string } }[] }).statements ?? []).map((one) => one.vulnerability.name)
  }

  it('come out whole, by a filter, and as far as the caller sees', async () => {
    expect(await named('')).toEqual(['CVE-2024-1111', 'CVE-2024-2222'])
    expect(await named(`?filter=${encodeURIComponent('package.name = sed')}`)).toEqual(['CVE-2024-2222'])
    expect(await named('', triager('bob', 'registry.example/team-a/shop'))).toEqual(['CVE-2024-1111'])
    expect(await get('/vex/export?filter=nonsense')).toMatchObject({ status: 400, body: { code: 'filter-invalid' } })
    expect(await get(`/vex/export?filter=${encodeURIComponent('package.name = gzip')}`)).toMatchObject({ status: 404 })
  })

  it.each(['openvex', 'cyclonedx', 'csaf'])('of %s tell the images apart', async (format) => {
    const document = (await get(`/vex/export?format=${format}`)).body
    await harness.clear()
    await harness.store(simpleReport('shop', ['tar', 'sed'], ['CVE-2024-1111', 'CVE-2024-2222']))
    await harness.store(simpleReport('blog', ['tar', 'sed'], ['CVE-2024-1111', 'CVE-2024-2222']))
    await harness.upload(document)
    const fixed = (await harness.decisions()).map((text) => text.endsWith('fixed'))
    expect(fixed.filter(Boolean)).toHaveLength(2)
    expect(
      await harness.app.query(
        'select i.digest, p.name from finding f join image i on i.id = f.image_id join package p on p.id = f.package_id where f.is_suppressed order by p.name',
      ),
    ).toEqual([
      { digest: digestOf('blog'), name: 'sed' },
      { digest: digestOf('shop'), name: 'tar' },
    ])
  })
})
