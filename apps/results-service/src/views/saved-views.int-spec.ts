import { type Principal, SavedView, SavedViewList } from '@pharos/contracts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, startResultsApp } from '../__tests__/results-app.js'

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp()
})
afterAll(() => app.close())

function person(name: string, repositories: string[] | null, role: Principal['roles'][number] = 'viewer'): Principal {
  return { id: `user:${name}`, name, kind: 'user', roles: [role], scope: { repositories } }
}

const ana = person('ana', ['registry.example/team-a/*', 'registry.example/base/*'])
const anaColleague = person('abe', ['registry.example/base/*', 'registry.example/team-a/*'])
const bob = person('bob', ['registry.example/team-b/*'])
const tria = person('tria', null, 'triager')

const call = (method: 'GET' | 'POST' | 'PATCH' | 'DELETE', path: string, principal: Principal, payload?: object, ifMatch?: string) =>
  app.request({ method, url: `/api/v1/views${path}`, principal, payload, headers: ifMatch === undefined ? {} : { 'if-match': ifMatch } })
const view = (change: object = {}) => ({ name: 'Exploited', resource: 'findings', filter: 'kev = true', sort: '-risk', ...change })

async function saved(principal: Principal, change: object = {}): Promise<SavedView> {
  const answer = await call('POST', '', principal, view(change))
  expect(answer).toMatchObject({ status: 201, headers: { etag: '"1"' } })
  return SavedView.parse(answer.body)
}

describe('a saved view', () => {
  it('is kept as it was given, whatever its characters', async () => {
    const { id } = await saved(ana, { name: 'odd \u0000 name', filter: 'package.name = "\u0000"', columns: ['risk', '\u0000'] })
    expect((await call('GET', `/${id}`, ana)).body).toMatchObject({
      name: 'odd \u0000 name',
      filter: 'package.name = "\u0000"',
      sort: '-risk',
      columns: ['risk', '\u0000'],
      visibility: 'mine',
      owner: 'user:ana',
      allowed: ['change', 'remove'],
    })
  })

  it.each([
    ['mine', ['ana']],
    ['team', ['ana', 'abe']],
    ['all', ['ana', 'abe', 'bob', 'tria', 'admin']],
  ])('that is %s is seen by %j', async (visibility, readers) => {
    const owner = visibility === 'all' ? { ...ana, roles: ['triager' as const] } : ana
    const { id } = await saved(owner, { visibility })
    for (const principal of [ana, anaColleague, bob, tria, admin]) {
      const expected = readers.includes(principal.name)
      expect([principal.name, (await call('GET', `/${id}`, principal)).status]).toEqual([principal.name, expected ? 200 : 404])
      const { items } = SavedViewList.parse((await call('GET', '?resource=findings', principal)).body)
      expect([principal.name, items.some((item) => item.id === id)]).toEqual([principal.name, expected])
    }
  })

  it('is changed by who has read it as it is, and says which fields in the audit log', async () => {
    const { id } = await saved(ana)
    expect(await call('PATCH', `/${id}`, ana, { filter: 'epss > 0.5' })).toMatchObject({
      status: 428,
      body: { code: 'precondition-required' },
    })
    const changed = await call('PATCH', `/${id}`, ana, { filter: 'epss > 0.5', sort: null }, '"1"')
    expect(changed).toMatchObject({
      status: 200,
      headers: { etag: '"2"' },
      body: { filter: 'epss > 0.5', sort: null, name: 'Exploited', version: 2 },
    })
    expect(await call('PATCH', `/${id}`, ana, { name: 'x' }, '"1"')).toMatchObject({ status: 412, body: { code: 'precondition-failed' } })
    expect(await call('DELETE', `/${id}`, ana, undefined, '"1"')).toMatchObject({ status: 412 })
    expect(await call('DELETE', `/${id}`, ana, undefined, '"2"')).toMatchObject({ status: 204 })
    expect(await call('GET', `/${id}`, ana)).toMatchObject({ status: 404 })
    expect(await app.query('select action, detail from audit_event where subject = $1 order by id', [id])).toEqual([
      { action: 'view.create', detail: { name: 'Exploited', visibility: 'mine' } },
      { action: 'view.change', detail: { fields: ['filter', 'sort'] } },
      { action: 'view.remove', detail: { name: 'Exploited' } },
    ])
  })

  it('is changed by its owner, and a shared one by an admin', async () => {
    const { id } = await saved(tria, { visibility: 'all' })
    expect((await call('GET', `/${id}`, bob)).body).toMatchObject({ allowed: [] })
    expect(await call('PATCH', `/${id}`, bob, { name: 'x' }, '"1"')).toMatchObject({ status: 403 })
    expect(await call('PATCH', `/${id}`, admin, { name: 'x' }, '"1"')).toMatchObject({
      status: 200,
      body: { name: 'x', owner: 'user:tria' },
    })
  })

  it.each([
    ['a filter that does not parse', view({ filter: 'kev = maybe' }), 400, 'filter-invalid'],
    ['a filter of another list', view({ filter: 'critical > 0' }), 400, 'filter-invalid'],
    ['an order that the list has not', view({ sort: 'name' }), 400, 'request-invalid'],
    ['a field that is none', view({ colour: 'red' }), 400, 'request-invalid'],
    ['to share with all without the role', view({ visibility: 'all' }), 403, 'forbidden'],
  ])('with %s is refused', async (_sentence, body, status, code) => {
    expect(await call('POST', '', ana, body)).toMatchObject({ status, body: { code } })
  })

  it('may not become what could not be saved', async () => {
    const { id } = await saved(ana)
    expect(await call('PATCH', `/${id}`, ana, { filter: 'kev =' }, '"1"')).toMatchObject({ status: 400, body: { code: 'filter-invalid' } })
    expect(await call('PATCH', `/${id}`, ana, { visibility: 'all' }, '"1"')).toMatchObject({ status: 403 })
  })

  it('is one of at most 500 of its owner', async () => {
    await app.query(
      `insert into saved_view (id, name, resource, filter, columns, visibility, owner) select gen_random_uuid(), 'x', 'images', '', '{}', 'mine', 'user:many' from generate_series(1, 500)`,
    )
    expect(await call('POST', '', person('many', null), view())).toMatchObject({ status: 409, body: { code: 'conflict' } })
  })
})
