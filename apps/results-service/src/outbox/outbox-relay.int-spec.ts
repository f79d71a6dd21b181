import { PharosError, ScanJob, scanJobId } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { admin, type ResultsApp, resolvedImage, startResultsApp } from '../__tests__/results-app.js'
import { emptyReport } from '../__tests__/scan-report.js'
import { AttemptCourseService } from '../attempts/attempt-course.service.js'
import { AttemptResultsService } from '../attempts/attempt-results.service.js'
import { Database } from '../database/transaction.js'
import { QueuesService } from '../queues/queues.service.js'
import { TaskSubmission } from '../tasks/task-submission.js'
import { TasksService } from '../tasks/tasks.service.js'
import { OutboxRelay } from './outbox-relay.js'

let app: ResultsApp
beforeAll(async () => {
  app = await startResultsApp({ replicas: 2 })
})
afterAll(() => app.close())
beforeEach(async () => {
  await app.query('truncate scan_task, scan_run, outbox, pause, crash_count cascade')
  await app.redis.flush()
  await app.get(OutboxRelay).sweep()
})

const jobIds = async (queue: 'scan' | 'scan-interactive') => (await app.jobs(queue)).map((job) => job.id)
const relayed = (count: number, queue: 'scan' | 'scan-interactive' = 'scan-interactive') =>
  pollUntil(async () => (await jobIds(queue)).length === count, { what: `${count} jobs in ${queue}` })

describe('the outbox relay', () => {
  it('brings a task into the queue of its lane right after the commit, as a job that the contract reads', async () => {
    const interactive = await app.submit('alpine:3.18')
    const background = await app.submit({ image: 'alpine:3.18', priority: 'background' })
    await relayed(1)
    await relayed(1, 'scan')
    const [job] = await app.jobs('scan-interactive')
    expect(job?.id).toBe(scanJobId(interactive.id, 1))
    expect(ScanJob.parse(job?.data)).toMatchObject({ taskId: interactive.id, attempt: 1 })
    expect(job?.opts).toMatchObject({ attempts: 1, removeOnComplete: true, removeOnFail: true })
    expect(await jobIds('scan')).toEqual([scanJobId(background.id, 1)])
  })

  it('relays each attempt once when two replicas relay at once', async () => {
    await app.get(Database).inTransaction((tx) =>
      app.get(TaskSubmission).submitMany(
        tx,
        Array.from({ length: 2500 }, (_, index) => ({
          image: `many:${index}`,
          repository: 'docker.io/library/many',
          engines: ['grype' as const],
          priority: 'ci' as const,
          cause: 'submit' as const,
          submittedBy: admin.id,
        })),
      ),
    )
    await Promise.all([app.get(OutboxRelay, 0).sweep(), app.get(OutboxRelay, 1).sweep()])
    await pollUntil(async () => (await app.query('select 1 from outbox where relayed_at is null limit 1')).length === 0)
    const ids = await jobIds('scan')
    expect(ids).toHaveLength(2500)
    expect(new Set(ids).size).toBe(2500)
  })

  it('relays everything again after Redis has lost its data between relay and consumption', async () => {
    const tasks = await Promise.all(['a:1', 'b:1', 'c:1'].map((image) => app.submit(image)))
    await relayed(3)
    const claimed = await app.claimed(tasks[0]!)
    await app.redis.flush()
    expect(await jobIds('scan-interactive')).toEqual([])
    await Promise.all([app.get(OutboxRelay, 0).sweep(), app.get(OutboxRelay, 1).sweep()])
    await relayed(2)
    expect((await jobIds('scan-interactive')).sort()).toEqual(
      tasks
        .slice(1)
        .map((task) => scanJobId(task.id, 1))
        .sort(),
    )
    const image = resolvedImage(1)
    await app.get(AttemptCourseService).resolved(claimed, image)
    await app.get(AttemptResultsService).report(claimed, emptyReport(image))
    expect(await app.task(tasks[0]!.id)).toMatchObject({ state: 'succeeded' })
  })

  it('finds a single job that Redis does not have and relays it again', async () => {
    const [kept, dropped] = [await app.submit('a:1'), await app.submit('b:1')]
    await relayed(2)
    await (await app.jobs('scan-interactive')).find((job) => job.id === scanJobId(dropped.id, 1))?.remove()
    await app.get(OutboxRelay).reconcile(0)
    await relayed(2)
    expect((await jobIds('scan-interactive')).sort()).toEqual([kept, dropped].map((task) => scanJobId(task.id, 1)).sort())
  })

  it('answers a job that is delivered again, and one of a task that nobody knows', async () => {
    const task = await app.submit('a:1')
    const claim = await app.claimed(task)
    const image = resolvedImage(2)
    await app.get(AttemptCourseService).resolved(claim, image)
    await app.get(AttemptResultsService).report(claim, emptyReport(image))
    expect(await app.claim(task, { attempt: 1 })).toEqual({ outcome: 'dropped', reason: 'task-ended' })
    expect(await app.claim({ id: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e' }, { attempt: 1 })).toEqual({
      outcome: 'dropped',
      reason: 'unknown-task',
    })
  })

  it('still understands the first payload that was ever released', () => {
    expect(ScanJob.parse({ taskId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e', attempt: 1 })).toEqual({
      taskId: '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e',
      attempt: 1,
    })
  })

  it('delays the job of a retry until it is due', async () => {
    const task = await app.submit('a:1')
    await app.get(AttemptCourseService).deferred(await app.claimed(task), { delayMs: 600_000, reason: 'registry-limit' })
    const job = await pollUntil(async () => (await app.jobs('scan-interactive')).find((found) => found.id === scanJobId(task.id, 2)))
    expect(job.opts.delay).toBeGreaterThan(300_000)
  })

  it('lets background work that has waited its longest time go ahead of CI work', async () => {
    const old = await app.submit({ image: 'old:1', priority: 'background' })
    await relayed(1, 'scan')
    const [young, ci] = [
      await app.submit({ image: 'young:1', priority: 'background' }),
      await app.submit({ image: 'ci:1', priority: 'ci' }),
    ]
    await relayed(3, 'scan')
    await app.query(`update outbox set due_at = now() - interval '16 minutes' where task_id = $1`, [old.id])
    await app.get(OutboxRelay).raiseAged(15 * 60_000)
    expect(await jobIds('scan')).toEqual([old, ci, young].map((task) => scanJobId(task.id, 1)))
  })

  it('holds a paused lane, drops what is in Redis already, and goes on when it is resumed', async () => {
    const queues = app.get(QueuesService)
    const before = await app.submit('a:1')
    await relayed(1)
    expect(await queues.setPause('interactive', true, admin)).toMatchObject({ lane: 'interactive', isPaused: true, queued: 1 })
    expect(await app.claim(before)).toEqual({ outcome: 'dropped', reason: 'paused' })
    const during = await app.submit('b:1')
    await app.get(OutboxRelay).sweep()
    expect(await jobIds('scan-interactive')).toEqual([scanJobId(before.id, 1)])
    await queues.setPause('interactive', false, admin)
    await relayed(3)
    expect(await jobIds('scan-interactive')).toEqual(expect.arrayContaining([scanJobId(before.id, 2), scanJobId(during.id, 1)]))
    expect(await app.claimed(before)).toMatchObject({ outcome: 'claimed' })
  })

  it('holds a paused cohort and nothing else', async () => {
    const tasks = app.get(TasksService)
    await tasks.setCohortPause('nightly', true, admin)
    const [held, free] = [await app.submit({ image: 'a:1', cohort: 'nightly' }), await app.submit('b:1')]
    await relayed(1)
    expect(await jobIds('scan-interactive')).toEqual([scanJobId(free.id, 1)])
    expect(await tasks.setCohortPause('nightly', false, admin)).toBe(1)
    await relayed(2)
    expect(await jobIds('scan-interactive')).toContain(scanJobId(held.id, 1))
  })

  it('accepts tasks while Redis is away and relays them when it is back', async () => {
    await app.redis.kill()
    const task = await app.submit('a:1')
    expect(task.state).toBe('queued')
    await expect(app.get(OutboxRelay).sweep()).rejects.not.toBeInstanceOf(PharosError)
    await app.redis.restart()
    await pollUntil(
      async () => {
        try {
          await app.get(OutboxRelay).sweep()
          return true
        } catch {
          return false
        }
      },
      { timeoutMs: 90_000 },
    )
    await relayed(1)
    expect(await jobIds('scan-interactive')).toEqual([scanJobId(task.id, 1)])
  })
})
