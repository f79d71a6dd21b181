import type { ClaimedSchedule, Schedule, Watch } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, scoped, startResultsApp } from '../__tests__/results-app.js'

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp()
})
afterAll(() => app.close())
beforeEach(async () => {
  await app.query(
    `update schedule set next_run_at = now() + interval '1 hour', lease_until = null, lease_token_hash = null, is_paused = false where kind <> 'watch'`,
  )
  await app.query('delete from watch')
})

const scheduler = (url: string, payload: object) =>
  app.request({ service: 'scheduler', method: 'POST', url: `/internal/v1/schedules${url}`, payload })
async function claim(kinds: Schedule['kind'][], schedulerId = 's1'): Promise<ClaimedSchedule[]> {
  return ((await scheduler('/claim', { schedulerId, kinds })).body as { items: ClaimedSchedule[] }).items
}
const patch = (id: string, payload: object) => app.request({ principal: admin, method: 'PATCH', url: `/api/v1/schedules/${id}`, payload })

describe('schedules', () => {
  it('are there from the start', async () => {
    const { body } = await app.request({ principal: admin, method: 'GET', url: '/api/v1/schedules' })
    expect((body as { items: Schedule[] }).items.map(({ id, everySeconds }) => [id, everySeconds])).toEqual([
      ['database-update', 3600],
      ['expiry', 3600],
      ['rescan', 86_400],
    ])
  })

  it('go to one of the schedulers that claim at once', async () => {
    await patch('expiry', { runNow: true })
    const claims = await Promise.all(Array.from({ length: 6 }, (_, index) => claim(['expiry'], `s${index}`)))
    expect(claims.flat().map((item) => item.schedule.id)).toEqual(['expiry'])
  })

  it('end with an outcome under their lease token alone, and are due again after their interval', async () => {
    await patch('expiry', { runNow: true })
    const [held] = await claim(['expiry'])
    expect(await scheduler('/expiry/finish', { leaseToken: 'forged', outcome: 'x' })).toMatchObject({
      status: 409,
      body: { code: 'attempt-superseded' },
    })
    expect(await scheduler('/expiry/finish', { leaseToken: held!.leaseToken, outcome: '3 removed' })).toMatchObject({ status: 204 })
    const rows = await app.query(
      `select last_outcome, lease_until, next_run_at > now() + interval '50 minutes' as is_later from schedule where id = 'expiry'`,
    )
    expect(rows).toEqual([{ last_outcome: '3 removed', lease_until: null, is_later: true }])
    expect(await claim(['expiry'])).toEqual([])
  })

  it('run again when they are asked for while they run', async () => {
    await patch('expiry', { runNow: true })
    const [held] = await claim(['expiry'])
    await patch('expiry', { runNow: true })
    expect(await claim(['expiry'], 's2')).toEqual([])
    await scheduler('/expiry/finish', { leaseToken: held!.leaseToken, outcome: 'done', nextRunInSeconds: 600 })
    expect(await claim(['expiry'], 's2')).toHaveLength(1)
  })

  it('go to another scheduler when theirs has died, whose late end is refused', async () => {
    await patch('rescan', { runNow: true })
    const [dead] = await claim(['rescan'])
    await app.query(`update schedule set lease_until = now() - interval '1 second' where id = 'rescan'`)
    const [taken] = await claim(['rescan'], 's2')
    expect(taken?.schedule.id).toBe('rescan')
    expect(await scheduler('/rescan/finish', { leaseToken: dead!.leaseToken, outcome: 'late' })).toMatchObject({ status: 409 })
  })

  it('are not claimed while they are paused', async () => {
    await patch('rescan', { runNow: true, isPaused: true })
    expect(await claim(['rescan'])).toEqual([])
  })

  it('of the databases run now when somebody asks for an update', async () => {
    expect(await app.request({ principal: admin, method: 'POST', url: '/api/v1/databases/-/update' })).toMatchObject({
      status: 202,
      body: { affected: 1 },
    })
    expect(await claim(['database-update'])).toHaveLength(1)
  })
})

describe('watches', () => {
  const digest = (number: number) => `sha256:${String(number).padStart(64, '0')}`
  async function createWatch(): Promise<Watch> {
    return (
      await app.request({
        principal: admin,
        method: 'POST',
        url: '/api/v1/watches',
        payload: { repository: 'registry.example/team-a/shop', tags: ['v*'] },
      })
    ).body as Watch
  }

  it('are claimed with the access to their registry, and make tasks of new digests once', async () => {
    const watch = await createWatch()
    const observe = async (observed: object[], missing: string[] = []) => {
      await app.query('update schedule set next_run_at = now() where watch_id = $1', [watch.id])
      const [held] = await claim(['watch'])
      expect(held?.watch).toMatchObject({ id: watch.id, tags: ['v*'], registry: { host: 'registry.example' }, notificationToken: null })
      const answer = await scheduler(`/${held!.schedule.id}/observed`, { leaseToken: held!.leaseToken, observed, missing, problem: null })
      await scheduler(`/${held!.schedule.id}/finish`, { leaseToken: held!.leaseToken, outcome: 'ok' })
      return answer.body
    }
    expect(
      await observe([
        { tag: 'v1', digest: digest(1) },
        { tag: 'v2', digest: digest(2) },
      ]),
    ).toEqual({ newTasks: 2 })
    expect(
      await observe([
        { tag: 'v1', digest: digest(1) },
        { tag: 'v2', digest: digest(3) },
      ]),
    ).toEqual({ newTasks: 1 })
    const tasks = await app.query(`select image, priority, cause from scan_task where cause = 'watch' order by id`)
    expect(tasks.at(-1)).toEqual({ image: `registry.example/team-a/shop:v2@${digest(3)}`, priority: 'background', cause: 'watch' })
    expect(await observe([{ tag: 'v2', digest: digest(3) }], ['v1'])).toEqual({ newTasks: 0 })
    expect(await app.query(`select body from event where body ->> 'type' = 'image.deleted-from-registry'`)).toEqual([
      { body: { type: 'image.deleted-from-registry', digest: digest(1) } },
    ])
    expect(await app.query('select tag from watch_tag where watch_id = $1 and missing_at is not null', [watch.id])).toEqual([{ tag: 'v1' }])
  })

  it('are due at once when their registry sends a notification with their token, and for no other', async () => {
    const watch = await createWatch()
    await app.query(`update schedule set next_run_at = now() + interval '1 hour' where watch_id = $1`, [watch.id])
    const notify = (authorization: string, id = watch.id) =>
      app.request({
        method: 'POST',
        url: `/api/v1/watches/${id}/notifications`,
        payload: { events: [] },
        headers: { 'x-pharos-notification-authorization': authorization },
      })
    expect(await notify('Bearer wrong')).toMatchObject({ status: 401, body: { code: 'unauthenticated' } })
    expect(await notify('Bearer ', 'unknown')).toMatchObject({ status: 401 })
    expect(await claim(['watch'])).toEqual([])
    expect(await notify(`Bearer ${watch.notificationToken ?? ''}`)).toMatchObject({ status: 202 })
    expect(await claim(['watch'])).toHaveLength(1)
    const stored = await app.query<{ text: string }>(`select encode(notification_token_hash, 'escape') as text from watch`)
    expect(stored[0]?.text).not.toContain(watch.notificationToken)
  })

  it('are seen within the scope alone', async () => {
    await createWatch()
    const list = async (principal: typeof admin) =>
      ((await app.request({ principal, method: 'GET', url: '/api/v1/watches' })).body as { items: Watch[] }).items
    expect(await list(scoped('registry.example/team-b/*'))).toEqual([])
    expect(await list(scoped('registry.example/team-a/*'))).toHaveLength(1)
  })
})
