import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin } from '../__tests__/results-app.js'
import { digestOf, resolvedImage, simpleReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { createVexHarness, openVex, statement, triager, type VexHarness } from './__tests__/vex-harness.js'
import { VexApplicationService } from './vex-application.service.js'

let harness: VexHarness
beforeAll(async () => {
  harness = await createVexHarness()
})
beforeEach(async () => {
  await harness.clear()
  await harness.store(simpleReport('shop', ['tar', 'gzip'], ['CVE-1']))
})
afterAll(() => harness.app.close())

const shop = { '@id': 'registry.example/team-a/shop:v1' }
const tarInShop = { ...shop, subcomponents: [{ '@id': 'pkg:deb/debian/tar' }] }

describe('a VEX document', () => {
  it('decides findings of stored images and of later ones', async () => {
    const { status, body } = await harness.upload(openVex([statement('CVE-1', [tarInShop])]))
    expect({ status, body }).toMatchObject({
      status: 201,
      body: {
        state: 'applied',
        statements: 1,
        matched: 1,
        decided: 1,
        proposed: 0,
        uploadedBy: 'user:admin',
        author: 'security@example.org',
      },
    })
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 not_affected'])
    expect(await harness.counts()).toEqual([{ high: 1, suppressed: 1 }])
    expect(await harness.detailOf('tar')).toMatchObject({
      decision: { status: 'not_affected', source: 'vex', documentId: body.id, original: { format: 'openvex' } },
      vex: [{ documentId: body.id, isTrusted: true }],
    })
    await harness.upload(openVex([statement('CVE-1', [{ '@id': 'pkg:deb/debian/sed' }])], { '@id': 'https://example.org/vex/2' }))
    await harness.store(simpleReport('blog', ['sed', 'tar'], ['CVE-1']))
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 not_affected', 'sed CVE-1 not_affected', 'tar CVE-1 new'])
  })

  it('in CSAF says of packages of a distribution what holds in each image that is built of it', async () => {
    const csaf = (release: string) => ({
      document: {
        csaf_version: '2.0',
        publisher: { name: 'Distributor' },
        tracking: { id: `D-${release}`, version: '1', current_release_date: '2026-11-20T08:00:00Z' },
      },
      product_tree: {
        full_product_names: [
          { product_id: 'os', name: 'OS', product_identification_helper: { cpe: `cpe:/o:debian:debian_linux:${release}` } },
          { product_id: 'tar', name: 'tar', product_identification_helper: { purl: 'pkg:deb/debian/tar' } },
        ],
        relationships: [
          { product_reference: 'tar', relates_to_product_reference: 'os', full_product_name: { product_id: 'os:tar', name: 'tar' } },
        ],
      },
      vulnerabilities: [
        {
          cve: 'CVE-1',
          product_status: { known_not_affected: ['os:tar'] },
          flags: [{ label: 'component_not_present', product_ids: ['os:tar'] }],
        },
      ],
    })
    expect(await harness.upload(csaf('11'))).toMatchObject({ status: 201, body: { matched: 0, warnings: [] } })
    expect(await harness.upload(csaf('12'))).toMatchObject({ status: 201, body: { matched: 1, decided: 1, warnings: [] } })
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 not_affected'])
    await harness.store(simpleReport('blog', ['tar'], ['CVE-1']))
    expect((await harness.decisions()).at(-1)).toBe('tar CVE-1 not_affected')
  })

  it('names a vulnerability by any name of its group, and none that only finds it', async () => {
    await harness.store(
      simpleReport('blog', ['sed'], ['GHSA-7'], {
        vulnerabilities: [vulnerability('GHSA-7', { canonicalId: 'CVE-7', aliases: ['GHSA-7', 'CVE-7', 'CVE-8', 'PYSEC-7'] })],
      }),
    )
    const product = { '@id': 'registry.example/team-a/blog:v1' }
    for (const [name, expected] of [
      ['CVE-8', 'new'],
      ['CVE-7', 'fixed'],
      ['PYSEC-7', 'fixed'],
      ['GHSA-7', 'fixed'],
    ] as const) {
      const { body } = await harness.upload(openVex([statement(name, [product], { status: 'fixed', justification: undefined })]))
      expect((await harness.decisions()).at(-1)).toBe(`sed GHSA-7 ${expected}`)
      await harness.remove(body.id)
    }
  })

  it('takes its effects back when it is removed, and lets an older one speak again', async () => {
    const older = openVex(
      [statement('CVE-1', [shop], { status: 'under_investigation', justification: undefined, timestamp: '2026-11-01T08:00:00Z' })],
      {
        '@id': 'https://example.org/vex/older',
      },
    )
    await harness.upload(older)
    const { body } = await harness.upload(openVex([statement('CVE-1', [shop])]))
    expect(await harness.decisions()).toEqual(['gzip CVE-1 not_affected', 'tar CVE-1 not_affected'])
    expect(await harness.remove(body.id)).toMatchObject({ status: 204 })
    expect(await harness.decisions()).toEqual(['gzip CVE-1 in_triage', 'tar CVE-1 in_triage'])
    expect(await harness.counts()).toEqual([{ high: 2, suppressed: 0 }])
    expect(await harness.app.query('select count(*)::int as n from vex_document')).toEqual([{ n: 1 }])
  })

  it('wins by the time of its statement, whatever came in last', async () => {
    await harness.upload(openVex([statement('CVE-1', [shop])]))
    await harness.upload(
      openVex(
        [
          statement('CVE-1', [shop], {
            status: 'affected',
            justification: undefined,
            action_statement: 'Update.',
            timestamp: '2026-11-19T08:00:00Z',
          }),
        ],
        {
          '@id': 'https://example.org/vex/late',
        },
      ),
    )
    expect(await harness.decisions()).toEqual(['gzip CVE-1 not_affected', 'tar CVE-1 not_affected'])
  })

  it('of the future counts as of now, so that it does not win for ever', async () => {
    await harness.upload(openVex([statement('CVE-1', [shop], { timestamp: '2099-01-01T00:00:00Z' })]))
    await harness.upload(
      openVex([statement('CVE-1', [shop], { status: 'fixed', justification: undefined, timestamp: harness.clock.now().toISOString() })], {
        '@id': 'https://example.org/vex/now',
      }),
    )
    expect((await harness.detailOf('tar')).vex.map(({ status }) => status)).toHaveLength(2)
    await harness.upload(
      openVex(
        [
          statement('CVE-1', [shop], {
            status: 'fixed',
            justification: undefined,
            timestamp: new Date(harness.clock.nowMs() + 1000).toISOString(),
          }),
        ],
        {
          '@id': 'https://example.org/vex/later',
        },
      ),
    )
    expect(await harness.decisions()).toEqual(['gzip CVE-1 fixed', 'tar CVE-1 fixed'])
  })

  it('is stored once, and a later version of it replaces the former', async () => {
    const first = openVex([statement('CVE-1', [shop])])
    const { body } = await harness.upload(first)
    expect(await harness.upload(first)).toMatchObject({ status: 200, body: { id: body.id } })
    await harness.upload(openVex([statement('CVE-1', [tarInShop])], { version: 2, timestamp: '2026-11-21T08:00:00Z' }))
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 not_affected'])
    expect(await harness.app.query('select document_version from vex_document')).toEqual([{ document_version: '2' }])
  })

  it('can be had as it came', async () => {
    const document = openVex([statement('CVE-1', [shop])])
    const { body } = await harness.upload(document)
    expect(await harness.app.request({ method: 'GET', url: `/api/v1/vex/documents/${body.id}/content`, principal: admin })).toMatchObject({
      status: 200,
      body: document,
    })
  })

  it.each([
    ['[]', 'vex-invalid'],
    ['{"@context": "https://openvex.dev/ns/v0.2.0"}', 'vex-invalid'],
    [openVex([]), 'vex-invalid'],
    [openVex([statement('CVE-1', [shop], { justification: undefined })]), 'vex-invalid'],
    ['{"a": 1, "a": 2}', 'json-duplicate-key'],
    ['{', 'json-invalid'],
  ])('%j is refused', async (document, code) => {
    expect((await harness.upload(document)).body).toMatchObject({ code })
  })

  it('any text is stored', async () => {
    const odd = 'odd \u0000 \ud800 text'
    const { status } = await harness.upload(
      JSON.stringify(openVex([statement('CVE-1', [shop], { impact_statement: odd })], { author: odd, '@id': `x${odd}` })),
    )
    expect(status).toBe(201)
    expect(await harness.detailOf('tar')).toMatchObject({ decision: { impactStatement: odd }, vex: [{ author: odd }] })
  })

  it('that is half applied when the process dies is completed by any replica', async () => {
    await harness.upload(openVex([statement('CVE-1', [shop])]))
    await harness.app.query(`update vex_document set state = 'applying', applied_image_id = 0`)
    await harness.app.query('delete from vex_match')
    await harness.app.query('delete from finding_decision')
    await harness.app.get(VexApplicationService).settle()
    expect(await harness.decisions()).toEqual(['gzip CVE-1 not_affected', 'tar CVE-1 not_affected'])
  })

  it('that comes in while reports are stored decides all of them', async () => {
    const names = Array.from({ length: 12 }, (_, number) => `app${number}`)
    const stores = names.map((name) => harness.store(simpleReport(name, ['tar'], ['CVE-1'])))
    const upload = harness.upload(openVex([statement('CVE-1', [{ '@id': 'pkg:deb/debian/tar' }])]))
    await Promise.all([...stores, upload])
    expect((await harness.decisions()).filter((text) => text === 'tar CVE-1 not_affected')).toHaveLength(13)
  })

  it('means the image to which a tag leads now', async () => {
    await harness.upload(openVex([statement('CVE-1', [shop])]))
    const next = simpleReport('shop-next', ['tar'], ['CVE-1'])
    await harness.store({
      ...next,
      image: resolvedImage('shop-next', { reference: { registry: 'registry.example', repository: 'team-a/shop', tag: 'v1' } }),
    })
    await harness.app.get(VexApplicationService).followTags()
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 new', 'tar CVE-1 not_affected'])
  })
})

describe('trust', () => {
  const document = openVex([statement('CVE-1', [shop])])
  const put = (rules: object[], ifMatch: string | null = '"0"') =>
    harness.app.request({
      method: 'PUT',
      url: '/api/v1/vex/trust',
      principal: admin,
      payload: { rules },
      headers: ifMatch === null ? {} : { 'if-match': ifMatch },
    })

  it('of somebody who is no admin is a proposal, until a rule trusts it, and again when none does', async () => {
    const { body } = await harness.upload(document, triager('ana'))
    expect(body).toMatchObject({ matched: 2, decided: 0, proposed: 2 })
    expect(await harness.detailOf('tar')).toMatchObject({ decision: null, vex: [{ status: 'not_affected', isTrusted: false }] })
    expect(
      await put([{ name: 'ana on tar', uploaders: ['user:ana'], packages: ['pkg:deb/debian/tar@*'], statuses: ['not_affected'] }]),
    ).toMatchObject({
      status: 200,
      headers: { etag: '"1"' },
    })
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 not_affected'])
    expect(await put([], '"1"')).toMatchObject({ status: 200 })
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 new'])
  })

  it.each([
    [{ uploaderRoles: ['triager'] }, true],
    [{ uploaderRoles: ['admin'] }, false],
    [{ uploaders: ['user:a*'] }, true],
    [{ uploaders: ['user:b*'] }, false],
    [{ authors: ['*@example.org'] }, true],
    [{ authors: ['*@other.org'] }, false],
    [{ statuses: ['fixed'] }, false],
    [{ repositories: ['registry.example/team-a/*'] }, true],
    [{ repositories: ['registry.example/team-b/*'] }, false],
    [{ packages: ['pkg:npm/*'] }, false],
  ])('a rule with %j trusts it: %s', async (conditions, isTrusted) => {
    await put([{ name: 'rule', ...conditions }])
    await harness.upload(document, triager('ana'))
    expect((await harness.detailOf('tar')).vex).toMatchObject([{ isTrusted }])
  })

  it('is changed by those who have read it', async () => {
    expect(await put([], null)).toMatchObject({ status: 428 })
    expect(await put([], '"3"')).toMatchObject({ status: 412 })
    const { body } = await harness.app.request({ method: 'GET', url: '/api/v1/vex/trust', principal: admin })
    expect(body).toMatchObject({ rules: [{ name: 'admins', uploaderRoles: ['admin'] }], version: 0, updatedBy: null })
  })

  it('reaches no further than what the uploader may see', async () => {
    await put([{ name: 'everybody' }])
    const { body } = await harness.upload(document, triager('bob', 'registry.example/team-b/*'))
    expect(body).toMatchObject({ matched: 0 })
    expect((await harness.upload(document, triager('ana', 'registry.example/team-a/*'))).body).toMatchObject({ matched: 2, decided: 2 })
  })

  it('documents are seen and removed by their uploaders and by admins', async () => {
    const ana = triager('ana', 'registry.example/team-a/*')
    const { body } = await harness.upload(document, ana)
    const list = async (principal = admin) =>
      (await harness.app.request({ method: 'GET', url: '/api/v1/vex/documents', principal })).body as { items: { id: string }[] }
    expect((await list()).items.map(({ id }) => id)).toEqual([body.id])
    expect((await list(ana)).items.map(({ id }) => id)).toEqual([body.id])
    expect((await list(triager('bob', '*'))).items).toEqual([])
    expect(await harness.remove(body.id, triager('bob', '*'))).toMatchObject({ status: 404 })
    expect(await harness.remove(body.id, triager('carl'))).toMatchObject({ status: 403 })
    expect(await harness.remove(body.id, ana)).toMatchObject({ status: 204 })
  })
})

describe('conflicts', () => {
  const decide = async (payload: object, ifMatch = '*') =>
    harness.app.request({
      method: 'PATCH',
      url: `/api/v1/findings/${(await harness.detailOf('tar')).finding.id}`,
      principal: triager('ana'),
      payload,
      headers: { 'if-match': ifMatch },
    })

  it('a person goes before a document, whichever came first, and the contradiction is listed', async () => {
    await decide({ status: 'affected', comment: 'It is reachable.' })
    const { body } = await harness.upload(openVex([statement('CVE-1', [tarInShop])]))
    expect(await harness.decisions()).toEqual(['gzip CVE-1 new', 'tar CVE-1 affected'])
    expect(await harness.conflicts()).toMatchObject([
      {
        digest: digestOf('shop'),
        vulnerability: 'CVE-1',
        package: 'tar@1.2.3-1',
        effective: { source: 'triage', status: 'affected', by: 'user:ana' },
        against: { source: 'vex', status: 'not_affected', by: 'security@example.org', documentId: body.id },
      },
    ])
    await decide({ status: 'not_affected', justification: 'component_not_present' })
    expect(await harness.conflicts()).toEqual([])
    await decide({ status: 'new' })
    expect((await harness.detailOf('tar')).decision).toMatchObject({ source: 'vex', status: 'not_affected' })
  })

  it('of two trusted documents the newer statement holds, and a version of the same document is no conflict', async () => {
    const fixed = (timestamp: string, id: string) =>
      openVex([statement('CVE-1', [tarInShop], { status: 'fixed', justification: undefined, timestamp })], { '@id': id, timestamp })
    await harness.upload(openVex([statement('CVE-1', [tarInShop])]))
    await harness.upload(fixed('2026-11-21T08:00:00Z', 'https://example.org/vex/other'))
    expect(await harness.conflicts()).toMatchObject([
      { effective: { source: 'vex', status: 'fixed' }, against: { status: 'not_affected' } },
    ])
    await harness.clear()
    await harness.store(simpleReport('shop', ['tar'], ['CVE-1']))
    await harness.upload(openVex([statement('CVE-1', [tarInShop])]))
    await harness.upload(fixed('2026-11-21T08:00:00Z', 'https://example.org/vex/1'))
    expect(await harness.conflicts()).toEqual([])
  })
})
