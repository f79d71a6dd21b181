import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, resolvedImage, scoped, startResultsApp } from '../__tests__/results-app.js'
import { emptyReport } from '../__tests__/scan-report.js'
import { TasksService } from '../tasks/tasks.service.js'
import { AttemptCourseService } from './attempt-course.service.js'
import { AttemptResultsService } from './attempt-results.service.js'
import { LostAttemptsService } from './lost-attempts.service.js'

let app: ResultsApp
let course: AttemptCourseService
let results: AttemptResultsService
let lost: LostAttemptsService
let images = 0
beforeAll(async () => {
  app = await startResultsApp()
  course = app.get(AttemptCourseService)
  results = app.get(AttemptResultsService)
  lost = app.get(LostAttemptsService)
})
afterAll(() => app.close())

const nextImage = () => resolvedImage((images += 1))
const credentialOf = (claim: { attemptId: string; token: string }) => ({ attemptId: claim.attemptId, token: claim.token })

describe('an attempt', () => {
  it('goes from submit to a stored result, and its task ends with it', async () => {
    const image = nextImage()
    const task = await app.submit('alpine:3.18')
    expect(task).toMatchObject({ state: 'queued', phase: 'queue', attempts: 1 })
    const claim = await app.claimed(task)
    expect(claim).toMatchObject({
      task: { id: task.id, reference: 'alpine:3.18', platform: 'linux/amd64' },
      resolved: null,
      registry: { host: 'docker.io', credential: null },
    })
    expect(await app.task(task.id)).toMatchObject({ state: 'running' })
    expect(await course.progress(credentialOf(claim), { phase: 'resolve', detail: 'manifest' })).toMatchObject({ continue: true })
    expect(await course.resolved(credentialOf(claim), image)).toMatchObject({ decision: 'run', hasCatalogue: false })
    expect(await results.report(credentialOf(claim), emptyReport(image))).toEqual({ outcome: 'stored' })
    expect(await app.task(task.id)).toMatchObject({
      state: 'succeeded',
      phase: 'done',
      digest: image.digest,
      outcomes: [{ engine: 'grype', status: 'complete' }],
      failure: null,
    })
    const result = await app.request({ principal: admin, method: 'GET', url: `/api/v1/scans/${task.id}/result` })
    expect(result).toMatchObject({ status: 200, body: { task: { id: task.id }, image: { digest: image.digest } } })
  })

  it('is claimed once: the same worker gets a new token, another one is told that it is held', async () => {
    const task = await app.submit('alpine:3.18')
    const first = await app.claimed(task)
    expect(await app.claim(task, { workerId: 'worker-2' })).toEqual({ outcome: 'dropped', reason: 'held' })
    const second = await app.claimed(task)
    expect(second.attemptId).toBe(first.attemptId)
    await expect(course.progress(credentialOf(first), { phase: 'pull', detail: null })).rejects.toMatchObject({
      code: 'attempt-superseded',
      status: 409,
    })
    await expect(course.progress(credentialOf(second), { phase: 'pull', detail: null })).resolves.toMatchObject({ continue: true })
  })

  it('takes no report with the token of another attempt', async () => {
    const [one, other] = [await app.submit('alpine:3.18'), await app.submit('alpine:3.19')]
    const image = nextImage()
    const [held, foreign] = [await app.claimed(one), await app.claimed(other)]
    await course.resolved(credentialOf(held), image)
    await expect(results.report({ attemptId: held.attemptId, token: foreign.token }, emptyReport(image))).rejects.toMatchObject({
      code: 'attempt-superseded',
    })
    await expect(results.report({ attemptId: held.attemptId, token: '' }, emptyReport(image))).rejects.toMatchObject({
      code: 'attempt-superseded',
    })
    expect(await app.task(one.id)).toMatchObject({ state: 'running' })
  })

  it('may report twice, and is stored once', async () => {
    const image = nextImage()
    const task = await app.submit('alpine:3.18')
    const claim = await app.claimed(task)
    await course.resolved(credentialOf(claim), image)
    const answers = await Promise.all([
      results.report(credentialOf(claim), emptyReport(image)),
      results.report(credentialOf(claim), emptyReport(image)),
    ])
    expect(answers.map((answer) => answer.outcome).sort()).toEqual(['already-stored', 'stored'])
    expect(await app.query(`select 1 from event where body ->> 'type' = 'scan.ended' and body ->> 'taskId' = $1`, [task.id])).toHaveLength(
      1,
    )
  })

  it('whose worker dies is followed by another at once; the late report of the dead one is refused', async () => {
    const image = nextImage()
    const task = await app.submit('alpine:3.18')
    const zombie = await app.claimed(task)
    await course.resolved(credentialOf(zombie), image)
    await app.lapseLeases()
    await lost.sweep()
    expect(await app.task(task.id)).toMatchObject({ state: 'queued', attempts: 2, failure: { code: 'worker-lost' } })
    await expect(results.report(credentialOf(zombie), emptyReport(image))).rejects.toMatchObject({ code: 'attempt-superseded' })
    expect(await app.claim(task, { attempt: 1 })).toEqual({ outcome: 'dropped', reason: 'superseded' })
    const next = await app.claimed(task)
    expect(await course.resolved(credentialOf(next), image)).toMatchObject({ decision: 'run' })
    expect(await results.report(credentialOf(next), emptyReport(image))).toEqual({ outcome: 'stored' })
    expect(await app.task(task.id)).toMatchObject({ state: 'succeeded' })
  })

  it('that kills two workers puts its image aside with all who wait for it, until somebody replays it', async () => {
    const image = nextImage()
    const [leader, follower] = [await app.submit('poison:1'), await app.submit('poison:1')]
    for (let death = 1; death <= 2; death += 1) {
      const claim = await app.claimed(leader)
      await course.resolved(credentialOf(claim), image)
      if (death === 1) await course.resolved(credentialOf(await app.claimed(follower)), image)
      await app.lapseLeases()
      await lost.sweep()
    }
    expect(await app.task(leader.id)).toMatchObject({ state: 'quarantined', failure: { code: 'quarantined' } })
    expect(await app.task(follower.id)).toMatchObject({ state: 'quarantined' })
    const replay = await app.request({ principal: admin, method: 'POST', url: '/api/v1/scans/-/replay', payload: { ids: [leader.id] } })
    expect(replay.body).toEqual({ affected: 1 })
    const again = await app.claimed(leader)
    expect(await course.resolved(credentialOf(again), image)).toMatchObject({ decision: 'run' })
    expect(
      await results.failed(credentialOf(again), {
        reason: { code: 'engine-out-of-memory', detail: 'x' },
        phase: 'match',
        retryAfterMs: null,
      }),
    ).toEqual({ next: 'retry' })
  })

  it('that fails in a transient way is tried five times, later each time, and then its task fails', async () => {
    const task = await app.submit('alpine:flaky')
    for (let attempt = 1; attempt <= 5; attempt += 1) {
      const claim = await app.claimed(task)
      const answer = await results.failed(credentialOf(claim), {
        reason: { code: 'registry-timeout', detail: 'No answer.' },
        phase: 'resolve',
        retryAfterMs: 60_000,
      })
      expect(answer).toEqual({ next: attempt < 5 ? 'retry' : 'ended' })
      if (attempt < 5)
        expect(await app.task(task.id)).toMatchObject({
          state: 'retrying',
          attempts: attempt + 1,
          nextAttemptAt: expect.any(String) as string,
        })
    }
    expect(await app.task(task.id)).toMatchObject({ state: 'failed', failure: { code: 'registry-timeout' } })
  })

  it('that is given back uses no retry up', async () => {
    const task = await app.submit('alpine:busy')
    for (let round = 1; round <= 7; round += 1)
      await course.deferred(credentialOf(await app.claimed(task)), { delayMs: 1000, reason: 'registry-limit' })
    expect(await app.task(task.id)).toMatchObject({ state: 'retrying', failure: null, attempts: 8 })
  })

  it('that fails for good ends its task at once with the reason', async () => {
    const task = await app.submit('alpine:gone')
    expect(
      await results.failed(credentialOf(await app.claimed(task)), {
        reason: { code: 'manifest-not-found', detail: 'No such tag.' },
        phase: 'resolve',
        retryAfterMs: null,
      }),
    ).toEqual({ next: 'ended' })
    expect(await app.task(task.id)).toMatchObject({ state: 'failed', failure: { code: 'manifest-not-found', detail: 'No such tag.' } })
  })
})

describe('tasks of one digest', () => {
  it('share one run when eight are submitted at once, and each gets the outcome', async () => {
    const image = nextImage()
    const tasks = await Promise.all(Array.from({ length: 8 }, () => app.submit('shared:1')))
    const claims = await Promise.all(tasks.map((task, index) => app.claimed(task, { workerId: `worker-${index}` })))
    const decisions = await Promise.all(claims.map((claim) => course.resolved(credentialOf(claim), image)))
    expect(decisions.map((decision) => decision.decision).sort()).toEqual(['run', ...Array.from({ length: 7 }, () => 'subscribed')])
    const leader = claims[decisions.findIndex((decision) => decision.decision === 'run')]!
    await course.progress(credentialOf(leader), { phase: 'match', detail: null })
    expect(await app.task(tasks[0]!.id)).toMatchObject({ phase: 'match' })
    await results.report(credentialOf(leader), emptyReport(image, 'partial'))
    for (const task of tasks)
      expect(await app.task(task.id)).toMatchObject({
        state: 'partial',
        digest: image.digest,
        outcomes: [{ status: 'partial', reasons: [{ code: 'engine-failed' }] }],
      })
    expect(await app.query('select id from scan_run where digest = $1', [image.digest])).toHaveLength(1)
  })

  it("do not fail with a leader's bad credential: one takes over, the others go on waiting", async () => {
    const image = nextImage()
    const [leader, second, third] = [await app.submit('private:1'), await app.submit('private:1'), await app.submit('private:1')]
    const leading = await app.claimed(leader)
    await course.resolved(credentialOf(leading), image)
    for (const task of [second, third])
      expect(await course.resolved(credentialOf(await app.claimed(task)), image)).toMatchObject({ decision: 'subscribed' })
    await results.failed(credentialOf(leading), {
      reason: { code: 'registry-unauthorized', detail: '401' },
      phase: 'pull',
      retryAfterMs: null,
    })
    expect(await app.task(leader.id)).toMatchObject({ state: 'failed' })
    expect(await app.task(second.id)).toMatchObject({ state: 'queued', attempts: 2 })
    expect(await app.task(third.id)).toMatchObject({ state: 'waiting' })
    const taken = await app.claimed(second)
    expect(await course.resolved(credentialOf(taken), image)).toMatchObject({ decision: 'run' })
    await results.report(credentialOf(taken), emptyReport(image))
    for (const task of [second, third]) expect(await app.task(task.id)).toMatchObject({ state: 'succeeded' })
  })

  it('all end when the image itself cannot be read', async () => {
    const image = nextImage()
    const [leader, follower] = [await app.submit('corrupt:1'), await app.submit('corrupt:1')]
    const leading = await app.claimed(leader)
    await course.resolved(credentialOf(leading), image)
    await course.resolved(credentialOf(await app.claimed(follower)), image)
    await results.failed(credentialOf(leading), {
      reason: { code: 'image-corrupt', detail: 'A layer is no tar.' },
      phase: 'catalogue',
      retryAfterMs: null,
    })
    expect(await app.task(follower.id)).toMatchObject({ state: 'failed', failure: { code: 'image-corrupt' } })
  })

  it('take a fresh enough complete result at once, unless they force a scan', async () => {
    const image = nextImage()
    const first = await app.claimed(await app.submit('fresh:1'))
    await course.resolved(credentialOf(first), image)
    await results.report(credentialOf(first), emptyReport(image))
    const task = await app.submit({ image: 'fresh:1', maxAge: '1h', context: { team: 'payments' } })
    expect(await course.resolved(credentialOf(await app.claimed(task)), image)).toEqual({ decision: 'fresh' })
    expect(await app.query('select data from image_context where digest = $1', [image.digest])).toEqual([{ data: { team: 'payments' } }])
    expect(await app.task(task.id)).toMatchObject({ state: 'succeeded', outcomes: [{ status: 'complete' }] })
    const forced = await app.claimed(await app.submit({ image: 'fresh:1', maxAge: '1h', force: true }))
    expect(await course.resolved(credentialOf(forced), image)).toMatchObject({ decision: 'run' })
    await course.deferred(credentialOf(forced), { delayMs: 0, reason: 'drain' })
  })
})

describe('cancelling', () => {
  const cancel = (id: string) => app.get(TasksService).cancel(id, admin)

  it('takes a queued task back, and its job needs no work', async () => {
    const task = await app.submit('alpine:3.18')
    expect(await cancel(task.id)).toMatchObject({ state: 'cancelled' })
    expect(await app.claim(task)).toEqual({ outcome: 'dropped', reason: 'task-ended' })
    expect(await app.query('select 1 from outbox where task_id = $1', [task.id])).toEqual([])
  })

  it('detaches a leader: the run goes on for its follower', async () => {
    const image = nextImage()
    const [leader, follower] = [await app.submit('detach:1'), await app.submit('detach:1')]
    const leading = await app.claimed(leader)
    await course.resolved(credentialOf(leading), image)
    await course.resolved(credentialOf(await app.claimed(follower)), image)
    await cancel(leader.id)
    expect(await course.progress(credentialOf(leading), { phase: 'match', detail: null })).toMatchObject({ continue: true })
    await results.report(credentialOf(leading), emptyReport(image))
    expect(await app.task(leader.id)).toMatchObject({ state: 'cancelled' })
    expect(await app.task(follower.id)).toMatchObject({ state: 'succeeded' })
  })

  it('lets a follower take over when the cancelled leader fails', async () => {
    const image = nextImage()
    const [leader, follower] = [await app.submit('detach:2'), await app.submit('detach:2')]
    const leading = await app.claimed(leader)
    await course.resolved(credentialOf(leading), image)
    await course.resolved(credentialOf(await app.claimed(follower)), image)
    await cancel(leader.id)
    await results.failed(credentialOf(leading), { reason: { code: 'engine-failed', detail: 'x' }, phase: 'match', retryAfterMs: null })
    expect(await app.task(follower.id)).toMatchObject({ state: 'queued' })
  })

  it('stops the worker when nobody else waits', async () => {
    const task = await app.submit('alone:1')
    const claim = await app.claimed(task)
    await course.resolved(credentialOf(claim), nextImage())
    await cancel(task.id)
    expect(await course.progress(credentialOf(claim), { phase: 'match', detail: null })).toMatchObject({ continue: false })
    await expect(course.progress(credentialOf(claim), { phase: 'match', detail: null })).rejects.toMatchObject({
      code: 'attempt-superseded',
    })
    expect(await app.query(`select state from scan_run where leader_task_id = $1`, [task.id])).toEqual([{ state: 'released' }])
  })
})

describe('scope', () => {
  it('hides tasks of other repositories and refuses to submit or cancel them', async () => {
    const team = scoped('registry.example/team-a/*')
    const own = await app.submit('registry.example/team-a/shop:1', team)
    const other = await app.submit('registry.example/team-b/shop:1')
    await expect(app.submit('registry.example/team-b/shop:1', team)).rejects.toMatchObject({ code: 'forbidden' })
    const tasks = app.get(TasksService)
    expect((await tasks.list({ limit: 50 }, team)).items.map((task) => task.id)).toEqual([own.id])
    await expect(tasks.get(other.id, team)).rejects.toMatchObject({ code: 'not-found' })
    await expect(tasks.cancel(other.id, team)).rejects.toMatchObject({ code: 'not-found' })
    expect(await tasks.cancelMany({ ids: [other.id, own.id] }, team)).toBe(1)
    expect(await app.task(other.id)).toMatchObject({ state: 'queued' })
  })
})
