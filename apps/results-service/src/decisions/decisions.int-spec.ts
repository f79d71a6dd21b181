import type { AuditEntry, EventBody, FindingDetail, Principal, ScanReport } from '@pharos/contracts'
import { FakeClock } from '@pharos/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, startResultsApp } from '../__tests__/results-app.js'
import { digestOf, engineReport, match, scanReport, debPackage, simpleReport, vulnerability } from '../ingest/__tests__/report-builder.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { DecisionExpiryService } from './decision-expiry.service.js'
import { DecisionsService } from './decisions.service.js'
import { receiveReport } from '../ingest/received-report.js'

let app: ResultsApp
const clock = new FakeClock(new Date('2026-11-24T08:00:00.000Z'))
const triager = (...repositories: string[]): Principal => ({
  id: 'user:ana',
  name: 'ana',
  kind: 'user',
  roles: ['triager'],
  scope: { repositories: repositories.length === 0 ? null : repositories },
})
const justified = { status: 'not_affected', justification: 'code_not_reachable' } as const

beforeAll(async () => {
  app = await startResultsApp({ clock })
})
beforeEach(async () => {
  await app.query(
    'truncate image, image_reference, finding, finding_decision, finding_decision_event, finding_event, image_summary, image_engine_result, event, audit_event',
  )
})
afterAll(() => app.close())

async function store(report: ScanReport): Promise<void> {
  await clock.advance(60_000)
  await app.results.database.inTransaction((tx) =>
    app.get(ScanStorage).store(tx, {
      report: receiveReport(report),
      run: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000001', digest: report.image.digest },
      attempt: { id: '0190d7a2-6c1e-7d5b-8b0a-000000000002' },
    }),
  )
}

/** Public ids of open findings, by package. */
async function openFindings(): Promise<Map<string, string>> {
  const found = await app.query<{ name: string; id: string }>(
    `select p.name, 'f_' || replace(f.id::text, '-', '') as id from finding f join package p on p.id = f.package_id where f.is_open order by p.name`,
  )
  return new Map(found.map(({ name, id }) => [name, id]))
}

const findingOf = async (name: string): Promise<string> => (await openFindings()).get(name) ?? `no finding of ${name}`
const detail = async (id: string, principal = admin) =>
  (await app.request({ method: 'GET', url: `/api/v1/findings/${id}`, principal })) as {
    status: number
    headers: Record<string, string>
    body: FindingDetail
  }
const decide = (id: string, payload: object, ifMatch: string | null = '"0"', principal = triager()) =>
  app.request({
    method: 'PATCH',
    url: `/api/v1/findings/${id}`,
    principal,
    payload,
    headers: ifMatch === null ? {} : { 'if-match': ifMatch },
  })
const counts = async () => app.query('select high, suppressed from image_summary order by image_id, engine')
const events = async (type: EventBody['type']) =>
  (await app.query<{ body: EventBody }>('select body from event order by xid, id'))
    .map(({ body }) => body)
    .filter((body) => body.type === type)

describe('a decision', () => {
  beforeEach(() => store(simpleReport('shop', ['tar', 'gzip'], ['CVE-1'])))

  it('suppresses the finding, and says so in its history, the audit log and the events', async () => {
    const id = await findingOf('tar')
    const answer = await decide(id, { ...justified, comment: 'Never called.' })
    expect(answer).toMatchObject({
      status: 200,
      headers: { etag: '"1"' },
      body: {
        finding: { id, package: { name: 'tar' }, vulnerability: { id: 'CVE-1' }, state: 'open' },
        image: { digest: digestOf('shop'), references: ['registry.example/team-a/shop:v1'] },
        decision: {
          status: 'not_affected',
          justification: 'vulnerable_code_not_in_execute_path',
          original: { format: 'cyclonedx', justification: 'code_not_reachable' },
          comment: 'Never called.',
          source: 'triage',
          by: 'user:ana',
          version: 1,
        },
        history: [{ kind: 'set', status: 'not_affected', version: 1 }],
      },
    })
    expect(await counts()).toEqual([{ high: 1, suppressed: 1 }])
    expect(await events('finding.decided')).toEqual([
      {
        type: 'finding.decided',
        digest: digestOf('shop'),
        status: 'not_affected',
        change: 'set',
        source: 'triage',
        count: 1,
        findingIds: [id],
      },
    ])
    expect((await events('findings.changed')).at(-1)).toEqual({
      type: 'findings.changed',
      digest: digestOf('shop'),
      engine: 'grype',
      appeared: 0,
      gone: 1,
      cause: 'decision',
    })
    const audit = await app.request({ method: 'GET', url: '/api/v1/audit', principal: admin })
    expect((audit.body as { items: AuditEntry[] }).items[0]).toMatchObject({ principal: 'user:ana', action: 'finding.decide', subject: id })
  })

  it('that does not suppress leaves the counts, and one taken back restores them', async () => {
    const id = await findingOf('tar')
    await decide(id, { status: 'affected', comment: 'Update next week.' })
    expect(await counts()).toEqual([{ high: 2, suppressed: 0 }])
    await decide(id, { status: 'accepted', comment: 'Not reachable.' }, '"1"')
    expect(await counts()).toEqual([{ high: 1, suppressed: 1 }])
    await decide(id, { status: 'new', comment: 'It is reachable.' }, '"2"')
    expect(await counts()).toEqual([{ high: 2, suppressed: 0 }])
    expect((await detail(id)).body).toMatchObject({
      decision: null,
      version: 3,
      history: [{ kind: 'withdrawn', status: null, comment: 'It is reachable.' }, { status: 'accepted' }, { status: 'affected' }],
    })
  })

  it.each([
    [{ status: 'not_affected' }, '#/body/justification'],
    [{ status: 'accepted' }, '#/body/comment'],
    [{ status: 'fixed', justification: 'component_not_present' }, '#/body/justification'],
    [{ status: 'accepted', comment: 'x', until: '2026-11-23T08:00:00.000Z' }, '#/body/until'],
    [{ status: 'closed' }, '#/body/status'],
  ])('%j is refused', async (payload, pointer) => {
    expect(await decide(await findingOf('tar'), payload)).toMatchObject({
      status: 400,
      body: { code: 'request-invalid', errors: [{ pointer }] },
    })
  })

  it('says which state it changes', async () => {
    const id = await findingOf('tar')
    expect(await decide(id, justified, null)).toMatchObject({ status: 428, body: { code: 'precondition-required' } })
    expect(await decide(id, justified, '"7"')).toMatchObject({ status: 412, body: { code: 'precondition-failed' } })
    expect(await decide(id, justified, (await detail(id)).headers['etag'] ?? null)).toMatchObject({ status: 200 })
    expect(await decide(id, { status: 'fixed' }, '*')).toMatchObject({ status: 200 })
  })

  it('of two at once on the same state, one is refused', async () => {
    const id = await findingOf('tar')
    const answers = await Promise.all([decide(id, justified), decide(id, { status: 'fixed' })])
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412])
  })

  it('is made by those who see the finding', async () => {
    const id = await findingOf('tar')
    expect(await decide(id, justified, '"0"', triager('registry.example/team-b/*'))).toMatchObject({ status: 404 })
    expect(await detail(id, triager('registry.example/team-b/*'))).toMatchObject({ status: 404 })
    expect(await decide(`f_${'0'.repeat(32)}`, justified)).toMatchObject({ status: 404 })
    expect(await decide(id, justified, '"0"', triager('registry.example/team-a/*'))).toMatchObject({ status: 200 })
  })

  it('about many findings is one audit entry, and names those that are not there', async () => {
    const ids = [...(await openFindings()).values()]
    const unknown = `f_${'0'.repeat(32)}`
    const bulk = (payload: object) =>
      app.request({
        method: 'POST',
        url: '/api/v1/findings/-/decide',
        principal: triager(),
        payload: { ids: [...ids, unknown], ...payload },
      })
    expect(await bulk({ status: 'false_positive' })).toMatchObject({ status: 200, body: { decided: 2, unchanged: 0, notFound: [unknown] } })
    expect(await bulk({ status: 'false_positive' })).toMatchObject({ body: { decided: 0, unchanged: 2 } })
    expect(await counts()).toEqual([{ high: 0, suppressed: 2 }])
    expect(await app.query(`select count(*)::int as n from audit_event where action = 'finding.decide'`)).toEqual([{ n: 2 }])
    expect(await events('finding.decided')).toMatchObject([{ count: 2 }])
  })

  it('ends at its time, once, and the end is told', async () => {
    const id = await findingOf('tar')
    await decide(id, { status: 'accepted', comment: 'Until the release.', until: new Date(clock.nowMs() + 3_600_000).toISOString() })
    expect(await app.get(DecisionExpiryService).expire()).toBe(0)
    await clock.advance(3_600_000)
    const ended = await Promise.all([app.get(DecisionExpiryService).expire(), app.get(DecisionExpiryService).expire()])
    expect(ended[0] + ended[1]).toBe(1)
    expect(await counts()).toEqual([{ high: 2, suppressed: 0 }])
    expect((await detail(id)).body).toMatchObject({ decision: null, history: [{ kind: 'expired', status: null }, { kind: 'set' }] })
    expect((await events('finding.decided')).at(-1)).toMatchObject({ change: 'expired', status: null, findingIds: [id] })
  })
})

describe('a decision survives', () => {
  it('rescans, another version of the engine, and a time in which the finding is gone', async () => {
    await store(simpleReport('shop', ['tar', 'gzip'], ['CVE-1']))
    const id = await findingOf('tar')
    await decide(id, justified)
    await store(simpleReport('shop', ['tar', 'gzip'], ['CVE-1'], { engineVersion: '0.122.0' }))
    expect(await counts()).toEqual([{ high: 1, suppressed: 1 }])
    await store(simpleReport('shop', ['gzip'], ['CVE-1']))
    expect(await counts()).toEqual([{ high: 1, suppressed: 0 }])
    await store(simpleReport('shop', ['tar', 'gzip'], ['CVE-1']))
    expect(await counts()).toEqual([{ high: 1, suppressed: 1 }])
    expect((await detail(id)).body).toMatchObject({ decision: { status: 'not_affected', version: 1 } })
  })

  it('the merge of its finding into another one, since their aliases name one vulnerability', async () => {
    const report = (...records: ReturnType<typeof vulnerability>[]) =>
      scanReport('shop', {
        packages: [debPackage('tar')],
        engines: [engineReport({ vulnerabilities: records, matches: records.map((_record, position) => match(0, position)) })],
      })
    const [one, other] = [vulnerability('GHSA-1'), vulnerability('CVE-1')]
    await store(report(one, other))
    const [survivor = '', closed = ''] = (
      await app.query<{ id: string }>(`select 'f_' || replace(id::text, '-', '') as id from finding where is_open order by id`)
    ).map(({ id }) => id)
    await decide(closed, justified)
    await store(report(vulnerability('GHSA-1', { canonicalId: 'CVE-1' }), other))
    expect([...(await openFindings()).values()]).toEqual([survivor])
    expect((await detail(survivor)).body).toMatchObject({
      decision: { status: 'not_affected', by: 'user:ana' },
      history: [{ kind: 'moved' }],
    })
    expect((await detail(closed)).body).toMatchObject({ decision: null, history: [{ kind: 'moved', status: null }, { kind: 'set' }] })
    expect(await counts()).toEqual([{ high: 0, suppressed: 1 }])
  })
})

describe('setMany', () => {
  it('tells the former decisions, with which it undoes what it did, unless they have changed since', async () => {
    await store(simpleReport('shop', ['tar', 'gzip'], ['CVE-1']))
    await decide(await findingOf('tar'), { status: 'affected' })
    const ids = (await app.query<{ id: string }>('select id from finding order by id')).map(({ id }) => id)
    const set = (findingIds: readonly string[], facts: Parameters<DecisionsService['setMany']>[2], versions?: Map<string, number>) =>
      app.results.database.inTransaction((tx) =>
        app
          .get(DecisionsService)
          .setMany(tx, findingIds, facts, { id: 'user:ana' }, versions === undefined ? {} : { expectedVersions: versions }),
      )
    const accepted = {
      status: 'accepted',
      justification: null,
      impactStatement: null,
      comment: 'x',
      response: [],
      original: null,
      until: null,
    } as const
    const decided = await set(ids, accepted)
    expect(decided.map(({ outcome, former }) => `${outcome} ${former?.status ?? 'new'}`).sort()).toEqual([
      'changed affected',
      'changed new',
    ])
    const versions = new Map(decided.map(({ findingId, version }) => [findingId, version]))
    const [first, second] = [decided[0]?.findingId ?? '', decided[1]?.findingId ?? '']
    await set([second], { ...accepted, status: 'fixed' })
    for (const { findingId, former } of decided) await set([findingId], former, versions)
    expect(await app.query('select status from finding_decision where finding_id = $1', [second])).toEqual([{ status: 'fixed' }])
    const former = decided.find(({ findingId }) => findingId === first)?.former
    expect(await app.query('select status from finding_decision where finding_id = $1', [first])).toEqual(
      former === null || former === undefined ? [] : [{ status: former.status }],
    )
  })
})

describe('a decision about what two engines report', () => {
  const places = ['same', 'apart'] as const
  beforeEach(() =>
    store(
      scanReport('both', {
        packages: places.flatMap((name) => [
          debPackage(name, { locations: [{ path: '/a', layer: null }] }),
          debPackage(name, { locations: [{ path: name === 'same' ? '/a' : '/b', layer: null }], purl: `pkg:deb/${name}?t` }),
        ]),
        engines: [
          engineReport({ vulnerabilities: [vulnerability('CVE-1', { severity: 'high' })], matches: [match(0, 0), match(2, 0)] }),
          engineReport({
            engine: 'trivy',
            vulnerabilities: [vulnerability('CVE-1', { namespace: 'trivy', severity: 'high' })],
            matches: [match(1, 0), match(3, 0)],
          }),
        ],
      }),
    ),
  )

  const rowsOf = (name: string) =>
    app.query<{ id: string; engine: number; is_suppressed: boolean }>(
      `select 'f_' || replace(f.id::text, '-', '') as id, f.engine, f.is_suppressed from finding f join package p on p.id = f.package_id where p.name = $1 order by f.engine`,
      [name],
    )
  const suppressedOf = async (name: string) => (await rowsOf(name)).map(({ is_suppressed }) => is_suppressed)
  const idOf = async (name: string, at: number) => (await rowsOf(name))[at]?.id ?? ''

  it.each([
    ['the first engine', 0],
    ['the second engine', 1],
  ])('is about the whole row by the id of %s, and is taken back so', async (_engine, at) => {
    const id = await idOf('same', at)
    expect(await decide(id, justified)).toMatchObject({ status: 200 })
    expect(await suppressedOf('same')).toEqual([true, true])
    expect(await counts()).toMatchObject([{ suppressed: 1 }, { suppressed: 1 }])
    expect(await decide(id, { status: 'new' }, '"1"')).toMatchObject({ status: 200 })
    expect(await suppressedOf('same')).toEqual([false, false])
  })

  it('leaves alone what the other engine reports of another place', async () => {
    await decide(await idOf('apart', 0), justified)
    expect(await suppressedOf('apart')).toEqual([true, false])
    expect(await suppressedOf('same')).toEqual([false, false])
  })

  it('counts the rows that were named when it is about many', async () => {
    const id = await idOf('same', 0)
    const answer = await app.request({
      method: 'POST',
      url: '/api/v1/findings/-/decide',
      principal: triager(),
      payload: { ids: [id], ...justified },
    })
    expect(answer).toMatchObject({ status: 200, body: { decided: 1, unchanged: 0, notFound: [] } })
    expect(await suppressedOf('same')).toEqual([true, true])
  })
})
