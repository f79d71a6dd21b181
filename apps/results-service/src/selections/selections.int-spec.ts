import { type Principal, Selection } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { admin, type ResultsApp, startResultsApp } from '../__tests__/results-app.js'
import { DecisionsService } from '../decisions/decisions.service.js'
import { digestOf, resolvedImage, simpleReport } from '../ingest/__tests__/report-builder.js'
import { receiveReport } from '../ingest/received-report.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { SelectionWorkService } from './selection-work.service.js'

const ana: Principal = {
  id: 'user:ana',
  name: 'ana',
  kind: 'user',
  roles: ['triager'],
  scope: { repositories: ['registry.example/team-a/*'] },
}
const bob: Principal = { ...ana, id: 'user:bob', name: 'bob' }
const accepted = { status: 'accepted', comment: 'Reachable from the build network alone.' }

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp({ replicas: 2 })
})
afterAll(() => app.close())
beforeEach(async () => {
  await app.query(
    'truncate image, finding, finding_event, finding_decision, finding_decision_event, selection, audit_event, workload cascade',
  )
  await store('a', ['tar', 'xz'], ['CVE-1', 'CVE-2'])
  await store('b', ['tar'], ['CVE-1'])
})
afterEach(() => {
  vi.restoreAllMocks()
})

let runs = 0
async function store(name: string, packages: readonly string[], ids: readonly string[]): Promise<void> {
  const repository = name === 'b' ? 'team-b/b' : `team-a/${name}`
  const image = resolvedImage(name, { reference: { registry: 'registry.example', repository, tag: 'v1' } })
  runs += 1
  const run = { id: `0190d7a2-6c1e-7d5b-8b0a-${String(runs).padStart(12, '0')}`, digest: image.digest }
  const report = receiveReport({ ...simpleReport(name, packages, ids), image })
  await app.results.database.inTransaction((tx) => app.get(ScanStorage).store(tx, { report, run, attempt: { id: run.id } }))
}

const post = (path: string, payload: unknown, principal: Principal) =>
  app.request({ method: 'POST', url: `/api/v1/selections${path}`, payload, principal })
const get = (token: string, principal: Principal) => app.request({ method: 'GET', url: `/api/v1/selections/${token}`, principal })

async function select(filter: string, principal = ana, exclude: string[] = []): Promise<Selection> {
  const answer = await post('', { resource: 'findings', filter, exclude }, principal)
  expect(answer).toMatchObject({ status: 201 })
  return Selection.parse(answer.body)
}

async function reach(token: string, state: Selection['state'], principal = ana): Promise<Selection> {
  return pollUntil(async () => {
    const selection = Selection.parse((await get(token, principal)).body)
    return selection.state === state ? selection : null
  })
}

const decisions = async () =>
  Object.fromEntries(
    (
      await app.query<{ name: string; status: string | null }>(
        `select i.digest || p.name || v.native_id as key, p.name || ' ' || v.native_id as name, d.status from finding f join image i on i.id = f.image_id join package p on p.id = f.package_id
           join vulnerability v on v.id = f.vulnerability_id left join finding_decision d on d.finding_id = f.id order by i.id, 2`,
      )
    ).map(({ name, status }) => [name, status]),
  )
const idOf = async (packageName: string, vulnerability: string): Promise<string> => {
  const [row] = await app.query<{ id: string }>(
    `select 'f_' || replace(f.id::text, '-', '') as id from finding f join package p on p.id = f.package_id join vulnerability v on v.id = f.vulnerability_id where p.name = $1 and v.native_id = $2 order by f.image_id limit 1`,
    [packageName, vulnerability],
  )
  return row?.id ?? ''
}

describe('a selection', () => {
  it('says exactly what it holds, and what a decision would reach', async () => {
    await app.query(
      `insert into workload (cluster, namespace, kind, name, container, digest, image_id, platform, reference, repository, owner, since)
       select 'c', 'n', 'Deployment', name, 'main', i.digest, i.id, i.platform, 'registry.example/team-a/a:v1', 'registry.example/team-a/a', owner, now()
         from image i, (values ('one', 'payments'), ('two', 'payments'), ('three', null)) as w(name, owner) where i.digest = $1`,
      [digestOf('a')],
    )
    const selection = await select('vulnerability = CVE-1')
    expect(selection).toMatchObject({
      count: 2,
      state: 'ready',
      createdBy: 'user:ana',
      preview: {
        bySeverity: { high: 2, low: 0 },
        byDecision: [{ decision: null, count: 2 }],
        images: { count: 1, first: [{ references: ['registry.example/team-a/a:v1'], count: 2 }] },
        owners: [
          { owner: 'payments', count: 2 },
          { owner: null, count: 2 },
        ],
      },
    })
    expect((await select('vulnerability = CVE-1', ana, [await idOf('xz', 'CVE-1')])).count).toBe(1)
    expect((await select('vulnerability = CVE-1', admin)).count).toBe(3)
    expect((await select('severity = low')).count).toBe(0)
  })

  it('is applied to what it held when it was made, and undone as a whole', async () => {
    const { token } = await select('package.name = tar')
    await store('late', ['tar'], ['CVE-1'])
    expect(await post(`/${token}/-/apply`, { decision: accepted }, ana)).toMatchObject({ status: 202, body: { decision: 'accepted' } })
    expect((await reach(token, 'applied')).progress).toEqual({ done: 2, changed: 2, unchanged: 0, undone: 0, kept: 0 })
    expect(await decisions()).toEqual({ 'tar CVE-1': null, 'tar CVE-2': 'accepted', 'xz CVE-1': null, 'xz CVE-2': null })
    expect(await app.query(`select count(*)::int as n from finding where is_suppressed`)).toEqual([{ n: 2 }])
    expect(await post(`/${token}/-/apply`, { decision: accepted }, ana)).toMatchObject({ status: 409, body: { code: 'conflict' } })
    await post(`/${token}/-/undo`, undefined, ana)
    expect((await reach(token, 'undone')).progress).toMatchObject({ done: 2, undone: 2, kept: 0 })
    expect(await app.query(`select count(*)::int as n from finding where is_suppressed`)).toEqual([{ n: 0 }])
    const audited = await app.query('select principal, action, subject, detail from audit_event order by id')
    expect(audited).toEqual([
      {
        principal: 'user:ana',
        action: 'selection.apply',
        subject: token,
        detail: { filter: 'package.name = tar', count: 2, status: 'accepted' },
      },
      {
        principal: 'user:ana',
        action: 'selection.undo',
        subject: token,
        detail: { filter: 'package.name = tar', count: 2, status: 'accepted' },
      },
    ])
  })

  it('gives each finding its own former decision again, and keeps what was decided since', async () => {
    const decide = (id: string, status: string) =>
      app.request({ method: 'POST', url: '/api/v1/findings/-/decide', principal: ana, payload: { ids: [id], status } })
    await decide(await idOf('tar', 'CVE-1'), 'in_triage')
    const { token } = await select('package.type = deb')
    await post(`/${token}/-/apply`, { decision: accepted }, ana)
    expect((await reach(token, 'applied')).progress).toMatchObject({ changed: 4 })
    await decide(await idOf('xz', 'CVE-2'), 'affected')
    await post(`/${token}/-/undo`, undefined, ana)
    expect((await reach(token, 'undone')).progress).toMatchObject({ undone: 3, kept: 1 })
    const [tar] = await app.query(`select d.status from finding_decision d where 'f_' || replace(d.finding_id::text, '-', '') = $1`, [
      await idOf('tar', 'CVE-1'),
    ])
    expect(tar).toEqual({ status: 'in_triage' })
    expect(await app.query('select status from finding_decision order by 1')).toEqual([{ status: 'affected' }, { status: 'in_triage' }])
  })

  it('goes on behind its last chunk after a crash, with two replicas at work, and sets nothing twice', async () => {
    const many = (prefix: string, count: number) => Array.from({ length: count }, (_value, index) => `${prefix}${index}`)
    await store('many', many('p', 30), many('CVE-2026-', 35))
    const { token, count } = await select('vulnerability ~ "CVE-2026-*"')
    expect(count).toBe(1050)
    const service = app.get(DecisionsService)
    const whole = service.setMany.bind(service)
    let calls = 0
    vi.spyOn(service, 'setMany').mockImplementation(async (...given) => {
      calls += 1
      if (calls > 1) throw new Error('the power is gone')
      return whole(...given)
    })
    await post(`/${token}/-/apply`, { decision: accepted }, ana)
    await pollUntil(() => calls > 1)
    const half = await pollUntil(async () => {
      const { progress } = Selection.parse((await get(token, ana)).body)
      return progress.done > 0 ? progress : null
    })
    expect(half).toMatchObject({ done: 500, changed: 500 })
    vi.restoreAllMocks()
    await Promise.all([app.get(SelectionWorkService, 0).workAll(), app.get(SelectionWorkService, 1).workAll()])
    expect((await reach(token, 'applied')).progress).toMatchObject({ done: 1050, changed: 1050, unchanged: 0 })
    expect(await app.query('select count(*)::int as n, max(version) as version from finding_decision_event')).toEqual([
      { n: 1050, version: 1 },
    ])
  })

  it('is nobody else’s, and has an end', async () => {
    const { token } = await select('package.name = tar')
    expect(await get(token, bob)).toMatchObject({ status: 404 })
    expect(await post(`/${token}/-/apply`, { decision: accepted }, bob)).toMatchObject({ status: 404 })
    expect(await get(token, admin)).toMatchObject({ status: 200 })
    await app.query(`update selection set expires_at = now() - interval '1 s'`)
    expect(await post(`/${token}/-/apply`, { decision: accepted }, ana)).toMatchObject({ status: 404, body: { code: 'not-found' } })
    await app.get(SelectionWorkService).expire()
    expect(await app.query('select from selection_finding')).toEqual([])
  })

  it.each([
    ['a filter that does not parse', '', { resource: 'findings', filter: 'colour = red' }, 'filter-invalid'],
    ['an id that is none', '', { resource: 'findings', filter: 'kev = true', exclude: ['x'] }, 'request-invalid'],
    [
      'a decision without its reason',
      '/sel_00000000000000000000000000000000/-/apply',
      { decision: { status: 'accepted' } },
      'request-invalid',
    ],
    ['a token that is not there', '/sel_00000000000000000000000000000000/-/undo', undefined, 'not-found'],
  ])('is refused with %s', async (_sentence, path, payload, code) => {
    expect(await post(path, payload, ana)).toMatchObject({ body: { code } })
  })
})
