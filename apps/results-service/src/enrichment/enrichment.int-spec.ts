import { EnricherPayload, type ImageContextPage } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { debPackage, digestOf, simpleReport, vulnerability, match, scanReport, engineReport } from '../ingest/__tests__/report-builder.js'
import { ContextStore } from '../contexts/context-store.js'
import { createEnrichment, type EnrichmentWorld, resultsOf, type TestEnrichers } from './__tests__/enrichment-harness.js'

let world: EnrichmentWorld
beforeAll(async () => {
  world = await createEnrichment({ flags: ['--enrichment-chunk-subjects', '4'] })
})
afterAll(() => world.close())
beforeEach(() => world.clear())

const contexts = async (name: string): Promise<ImageContextPage> =>
  (await world.call('GET', `/images/${digestOf(name)}/contexts`)).body as ImageContextPage
const counting: TestEnrichers = ({ Findings, Image, ScanTask }) => ({
  risk: { findings: Findings.length, distro: Image.DistroName },
  who: { team: ScanTask.context['team'] ?? ScanTask.context['namespace'] ?? 'nobody' },
})
const due = () =>
  world.app.query<{ digest: string; key: string }>(
    'select i.digest, s.key from enrichment_work w join enrichment_subject s on s.id = w.subject_id join image i on i.id = s.image_id where w.run_id is null order by 1, 2',
  )

describe('a subject', () => {
  it('is due when its report is stored, and its contexts follow without a scan', async () => {
    await world.scan(simpleReport('web', ['openssl'], ['CVE-1', 'CVE-2']))
    expect(await contexts('web')).toMatchObject({ items: [], enrichment: { state: 'none' } })
    await world.activate(['risk', 'who'])
    expect(await contexts('web')).toMatchObject({ items: [], enrichment: { state: 'pending' } })
    expect(await world.workAll(counting)).toEqual([{ digest: digestOf('web'), key: '', run: 'activate' }])
    expect(await contexts('web')).toMatchObject({
      items: [
        { key: '', owner: 'risk', data: { findings: 2, distro: 'debian' }, state: 'current' },
        { key: '', owner: 'who', data: { team: 'nobody' }, state: 'current' },
      ],
      enrichment: { state: 'current', dueSince: null },
    })
    await world.scan(simpleReport('web', ['openssl'], ['CVE-1']))
    expect(await contexts('web')).toMatchObject({
      items: [{ owner: 'risk', data: { findings: 2 }, state: 'pending' }, { state: 'pending' }],
      enrichment: { state: 'pending' },
    })
    expect(await world.workAll(counting)).toEqual([{ digest: digestOf('web'), key: '', run: 'due' }])
    expect(await contexts('web')).toMatchObject({ items: [{ data: { findings: 1 }, state: 'current' }, {}] })
  })

  it('is due once, however often its facts change', async () => {
    await world.activate(['risk'])
    for (let round = 0; round < 5; round += 1) await world.scan(simpleReport('web', ['openssl'], ['CVE-1']))
    expect(await due()).toEqual([{ digest: digestOf('web'), key: '' }])
  })

  it('is done again when it becomes due while a worker holds it, who may have read it before', async () => {
    await world.activate(['risk'])
    await world.scan(simpleReport('web', ['openssl'], ['CVE-1']))
    const held = await world.claim()
    await world.scan(simpleReport('web', ['openssl'], ['CVE-1', 'CVE-2']))
    if (held === null) throw new Error('nothing was due')
    await world.deliver(held, resultsOf(held, counting))
    expect(await contexts('web')).toMatchObject({ items: [{ data: { findings: 1 }, state: 'pending' }, {}] })
    await world.workAll(counting)
    expect(await contexts('web')).toMatchObject({ items: [{ data: { findings: 2 }, state: 'current' }, {}] })
  })

  it('of a submitted context has it in its payload, and is due when another one is submitted', async () => {
    await world.activate(['who'])
    await world.scan(simpleReport('web', [], []), { context: { team: 'payments' }, key: 'ci' })
    expect((await world.workAll(counting)).map(({ key }) => key)).toEqual(['', 'ci'])
    await world.scan(simpleReport('web', [], []), { context: { team: 'checkout' }, key: 'ci' })
    await world.workAll(counting)
    const { items } = await contexts('web')
    expect(items.filter(({ owner }) => owner === 'who')).toMatchObject([
      { key: '', data: { team: 'nobody' } },
      { key: 'ci', data: { team: 'checkout' } },
    ])
    expect(items.filter(({ owner }) => owner === 'submit')).toMatchObject([{ key: 'ci', data: { team: 'checkout' } }])
  })

  it('of a context that comes with a task which a stored result answers is due as well, and only that', async () => {
    await world.activate(['who'])
    await world.scan(simpleReport('web', [], []))
    await world.workAll(counting)
    const answered = async (team: string) => {
      const { id } = await world.app.submit({ image: 'a/b', context: { team }, contextKey: 'ci' })
      await world.app.results.database.inTransaction((tx) => world.app.get(ContextStore).keepOfTask(tx, id, digestOf('web')))
    }
    await answered('payments')
    expect(await due()).toEqual([{ digest: digestOf('web'), key: 'ci' }])
    await world.workAll(counting)
    await answered('payments')
    expect(await due()).toEqual([])
    await answered('checkout')
    expect((await world.workAll(counting)).map(({ key }) => key)).toEqual(['ci'])
    expect((await contexts('web')).items).toContainEqual(expect.objectContaining({ key: 'ci', owner: 'who', data: { team: 'checkout' } }))
  })

  it('goes with its image, and takes its contexts, labels and work along', async () => {
    await world.activate(['risk'])
    await world.scan(simpleReport('web', ['openssl'], ['CVE-1']))
    await world.workAll(counting)
    await world.scan(simpleReport('web', ['openssl'], ['CVE-1', 'CVE-2']))
    expect((await world.call('DELETE', `/images/${digestOf('web')}`)).status).toBe(204)
    for (const table of ['enrichment_subject', 'enrichment_context', 'context_label', 'enrichment_work'])
      expect([table, await world.app.query(`select * from ${table}`)]).toEqual([table, []])
  })
})

describe('workloads', () => {
  let sequence = 0
  const running = (labels: Record<string, string>, ...names: string[]) => {
    sequence += 1
    return world.app.request({
      method: 'PUT',
      url: '/api/v1/workloads/clusters/eu?allowEmpty=true',
      principal: { id: 'user:admin', name: 'admin', kind: 'user', roles: ['admin'], scope: { repositories: null } },
      payload: {
        sequence,
        observedAt: new Date().toISOString(),
        isComplete: true,
        workloads: names.map((name) => ({
          namespace: 'shop',
          kind: 'Deployment',
          name,
          container: 'main',
          image: 'registry.example/team-a/web:v1',
          imageId: `registry.example/team-a/web@${digestOf('web')}`,
          labels,
        })),
      },
    })
  }
  const own: TestEnrichers = ({ ScanTask }) => ({
    where: { namespace: ScanTask.context['namespace'] ?? '', labels: ScanTask.context['labels'] ?? {} },
  })
  const key = (name: string) => `eu/shop/Deployment/${name}/main`

  it('have contexts of their own, which follow the snapshots of their cluster', async () => {
    await world.activate(['where'])
    await running({ app: 'x' }, 'web', 'job')
    expect(await due()).toEqual([])
    await world.scan(simpleReport('web', ['openssl'], ['CVE-1']))
    expect((await world.workAll(own)).map((done) => done.key).sort()).toEqual(['', key('job'), key('web')])
    await running({ app: 'x' }, 'web', 'job')
    expect(await due()).toEqual([])
    await running({ app: 'y' }, 'web')
    expect((await due()).map((subject) => subject.key)).toEqual([key('web')])
    await world.workAll(own)
    expect((await contexts('web')).items).toMatchObject([
      { key: '', data: { namespace: '', labels: {} } },
      { key: key('web'), data: { namespace: 'shop', labels: { app: 'y' } }, state: 'current', workload: expect.any(String) as string },
    ])
    await running({})
    expect((await contexts('web')).items).toMatchObject([{ key: '' }])
  })

  it('are not shown to callers who may not see their repository', async () => {
    await world.activate(['where'])
    await world.scan(simpleReport('web', [], []))
    await world.scan(simpleReport('web', [], [], {}))
    await running({}, 'web')
    await world.app.query(`update workload set repository = 'registry.example/other/web'`)
    await world.workAll(own)
    const seen = async (repositories: string[] | null) => {
      const principal = { id: 'user:b', name: 'b', kind: 'user' as const, roles: ['viewer' as const], scope: { repositories } }
      const answer = await world.call('GET', `/images/${digestOf('web')}/contexts`, undefined, principal)
      return [answer.status, (answer.body as ImageContextPage).items?.map((context) => context.key)]
    }
    expect(await seen(null)).toEqual([200, ['', key('web')]])
    expect(await seen(['registry.example/team-a/*'])).toEqual([200, ['']])
    expect(await seen(['registry.example/team-b/*'])).toEqual([404, undefined])
  })
})

describe('a payload', () => {
  it('fits the contract, has each vulnerability and package once, and is the same for the same facts', async () => {
    const hostile = 'we\u0000ird \uD800 name'
    await world.scan(
      scanReport('web', {
        packages: [debPackage('openssl'), debPackage('curl', { purl: null, name: hostile })],
        engines: [
          engineReport({
            vulnerabilities: [
              vulnerability('CVE-2', { kev: { dateAdded: '2023-10-10', dueDate: null, ransomware: true } }),
              vulnerability('CVE-1', { description: 'null \u0000 here', aliases: ['GHSA-x'] }),
            ],
            matches: [match(0, 0), match(0, 1), match(1, 1)],
          }),
        ],
      }),
    )
    const read = async () => (await world.call('GET', `/images/${digestOf('web')}/enricher-payload`)).body as EnricherPayload
    const payload = await read()
    expect(EnricherPayload.parse(payload)).toEqual(payload)
    expect(payload.Image.Findings).toEqual(payload.Findings)
    expect(
      payload.Vulnerabilities.map(({ AdvId, KevDate, RansomwareUsed, Aliases, CvssBase }) => [
        AdvId,
        KevDate,
        RansomwareUsed,
        Aliases,
        CvssBase,
      ]),
    ).toEqual([
      ['CVE-1', '0001-01-01T00:00:00Z', '', 'GHSA-x', 9.8],
      ['CVE-2', '2023-10-10T00:00:00Z', 'Known', '', 9.8],
    ])
    expect(
      payload.Findings.map(({ AdvId, Package, Severity, FixVersions, FoundIn }) => [
        AdvId,
        Package.Name,
        Severity,
        FixVersions,
        FoundIn[0],
      ]),
    ).toEqual([
      ['CVE-1', hostile, 'High', ['1.2.4'], '/var/lib/dpkg/status'],
      ['CVE-1', 'openssl', 'High', ['1.2.4'], '/var/lib/dpkg/status'],
      ['CVE-2', 'openssl', 'High', ['1.2.4'], '/var/lib/dpkg/status'],
    ])
    expect(payload.Packages.map(({ Name }) => Name).sort()).toEqual([hostile, 'openssl'].sort())
    expect(payload.Image).toMatchObject({
      ImageSpec: 'registry.example/team-a/web:v1',
      ManifestDigest: digestOf('web'),
      DistroName: 'debian',
      DistroVersion: '12',
      Labels: { team: 'a' },
      Tags: ['registry.example/team-a/web:v1'],
      ArchName: 'amd64',
      ContextRoots: [{ Key: '', Contexts: [{ Owner: 'pharos-controller', Data: {} }] }],
    })
    expect(JSON.stringify(await read())).toBe(JSON.stringify(payload))
  })
})
