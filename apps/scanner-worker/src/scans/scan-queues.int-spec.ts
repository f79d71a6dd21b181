import { gzipSync } from 'node:zlib'
import { PharosError, type EngineReport } from '@pharos/contracts'
import { pollUntil, Quarantine } from '@pharos/service-kit'
import { buildSampleImage } from '@pharos/test-kit'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { WorkerFixture } from '../__tests__/worker-fixture.js'

let fixture: WorkerFixture
const references = new Map<string, string>()

beforeAll(async () => {
  fixture = await WorkerFixture.start()
  const image = await buildSampleImage('alpine')
  for (const name of ['app', 'poison', 'hang', 'limited']) references.set(name, fixture.registry.add(`team/${name}`, '1', image))
})
afterEach(async () => {
  fixture.results.isDown = false
  fixture.results.onProgress = () => true
  await fixture.stopWorkers()
  fixture.registry.reset()
})
afterAll(() => fixture.close())

const reference = (name: string): string => references.get(name) ?? ''
const runId = '0190d7a2-6c1e-7d5b-8b0a-3a6f0b1c2d3e'

/** Scans an image as a new one; what is known of it afterwards. */
async function scannedOnce() {
  const { job, attemptId } = fixture.task({ reference: reference('app') })
  await fixture.startWorker()
  await fixture.enqueue(job)
  await fixture.called('report', attemptId)
  await fixture.drained()
  return { first: attemptId, image: fixture.results.report(attemptId).image }
}

const outcomes = (engines: readonly EngineReport[]) => engines.map(({ engine, status, reasons }) => [engine, status, reasons[0]?.code])

describe('a job of the scan queues', () => {
  it('becomes a stored report: resolve, pull, catalogue, match, report', async () => {
    const { job, attemptId, token } = fixture.task({ reference: reference('app') })
    await fixture.startWorker()
    await fixture.enqueue(job)
    await fixture.called('report', attemptId)
    await fixture.drained()
    const report = fixture.results.report(attemptId)
    expect(report.packages.map(({ name, purl }) => [name, purl])).toEqual([
      ['lodash', 'pkg:npm/lodash@4.17.20'],
      ['clean', 'pkg:npm/clean@1.0.0'],
    ])
    expect(outcomes(report.engines)).toEqual([['grype', 'complete', undefined]])
    expect(report.engines[0]).toMatchObject({
      engineVersion: '0.121.2',
      matches: [{ package: 0, vulnerability: 0, fixVersions: ['4.17.21'] }],
      vulnerabilities: [{ canonicalId: 'CVE-2021-23337' }],
      database: { generationId: fixture.generation.id, checksum: fixture.results.checksum, isStale: false },
    })
    expect(report).toMatchObject({
      catalogue: { cataloguer: 'syft', version: '1.57.0', configuration: 'c0ffee', isReused: false, packageCount: 2 },
      config: { os: 'linux', architecture: 'amd64' },
      distro: { id: 'alpine' },
    })
    expect(fixture.results.of('resolved', attemptId)[0]?.body).toMatchObject({
      digest: report.image.digest,
      reference: { registry: fixture.registry.host, repository: 'team/app', tag: '1' },
    })
    expect(fixture.results.of('sbom', attemptId)).toHaveLength(1)
    const phases = fixture.results.of('progress', attemptId).map(({ body }) => (body as { phase: string }).phase)
    expect([...new Set(phases)]).toEqual(['resolve', 'pull', 'catalogue', 'match', 'report'])
    expect(new Set(fixture.results.calls.filter((call) => call.attemptId === attemptId).map((call) => call.token))).toEqual(
      new Set([token]),
    )
    expect(await fixture.scanFolders()).toEqual([])
  })

  it('for a stored image matches the kept SBOM, without a look at the registry', async () => {
    const { first, image } = await scannedOnce()
    fixture.registry.reset()
    const again = fixture.task({
      reference: `${fixture.registry.host}/team/app@${image.digest}`,
      claim: { resolved: { ...image, reference: null }, runId, hasCatalogue: true },
    })
    fixture.results.sboms.set(again.attemptId, gzipSync(JSON.stringify(fixture.results.of('sbom', first)[0]?.body)))
    await fixture.enqueue(again.job)
    await fixture.called('report', again.attemptId)
    expect(fixture.results.report(again.attemptId)).toMatchObject({
      catalogue: { isReused: true, packageCount: 2 },
      engines: [{ status: 'complete' }],
    })
    expect(fixture.registry.requests).toEqual([])
  })

  it('for a stored image whose SBOM another cataloguer made pulls it by its digest', async () => {
    const { image } = await scannedOnce()
    const again = fixture.task({
      reference: `${fixture.registry.host}/team/app@${image.digest}`,
      claim: { resolved: { ...image, reference: null }, runId, hasCatalogue: false },
    })
    await fixture.enqueue(again.job)
    await fixture.called('report', again.attemptId)
    expect(fixture.results.report(again.attemptId)).toMatchObject({
      image: { digest: image.digest },
      catalogue: { isReused: false },
      engines: [{ status: 'complete' }],
    })
  })

  it('that is delivered again does nothing once its task has ended', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('app') })
    await fixture.startWorker()
    await fixture.enqueue(job)
    await fixture.called('report', attemptId)
    await fixture.drained()
    fixture.results.claims.set(job.taskId, { outcome: 'dropped', reason: 'task-ended' })
    await fixture.enqueue(job)
    await pollUntil(() => fixture.results.of('claim', `${job.taskId}-1`).length === 2)
    await fixture.drained()
    expect(fixture.results.of('report', attemptId)).toHaveLength(1)
  })

  it('that kills its engine fails with a typed reason, and does not hold up the next one', async () => {
    const poison = fixture.task({ reference: reference('poison') })
    const next = fixture.task({ reference: reference('app') })
    await fixture.startWorker({ slots: 1 })
    await fixture.enqueue(poison.job)
    await fixture.enqueue(next.job)
    expect((await fixture.called('failed', poison.attemptId)).body).toMatchObject({
      phase: 'catalogue',
      reason: { code: 'engine-crashed', detail: expect.stringContaining('SIGKILL') as string },
    })
    await fixture.called('report', next.attemptId)
    await fixture.drained()
  })

  it.each([
    ['of an older producer, without a trace', (job: object) => job],
    [
      'of a newer producer, with fields that are not known yet',
      (job: object) => ({ ...job, trace: { traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' }, lane: 'ci' }),
    ],
  ])('%s is read', async (_sentence, payload) => {
    const { job, attemptId } = fixture.task({ reference: reference('app') })
    await fixture.startWorker()
    await fixture.add(`task-${job.taskId}-1`, payload(job))
    expect(await fixture.called('report', attemptId)).toMatchObject({ attemptId })
  })

  it('that is no payload at all is put aside, and the next one is worked on', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('app') })
    const service = await fixture.startWorker()
    await fixture.add('task-garbage-1', { taskId: 'not-a-uuid', attempt: 'one' })
    await fixture.enqueue(job)
    await fixture.called('report', attemptId)
    await fixture.drained()
    expect((await service.app.get(Quarantine).list('scan'))[0]).toMatchObject({ jobId: 'task-garbage-1' })
  })

  it('comes back when results-service cannot be asked', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('app') })
    await fixture.startWorker()
    fixture.results.isDown = true
    await fixture.enqueue(job)
    await pollUntil(() => fixture.results.unanswered > 0)
    fixture.results.isDown = false
    await fixture.called('report', attemptId)
    expect(fixture.results.of('report', attemptId)).toHaveLength(1)
  })
})

describe('an attempt', () => {
  it('stops everything when nobody waits for it any more', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('hang') })
    await fixture.startWorker()
    fixture.results.onProgress = (_id, phase) => phase !== 'catalogue'
    await fixture.enqueue(job)
    expect((await fixture.called('failed', attemptId)).body).toMatchObject({ reason: { code: 'cancelled' } })
    await fixture.drained()
    expect(fixture.results.of('report', attemptId)).toEqual([])
    expect(await fixture.scanFolders()).toEqual([])
  })

  it("says nothing more when it is another's now", async () => {
    const { job, attemptId } = fixture.task({ reference: reference('hang') })
    await fixture.startWorker()
    fixture.results.onProgress = (_id, phase) => {
      if (phase === 'catalogue') throw new PharosError('attempt-superseded', 'Another attempt runs.')
      return true
    }
    await fixture.enqueue(job)
    await pollUntil(() => fixture.results.of('progress', attemptId).some(({ body }) => (body as { phase: string }).phase === 'catalogue'))
    await fixture.drained()
    expect(fixture.results.of('failed', attemptId)).toEqual([])
    expect(fixture.results.of('report', attemptId)).toEqual([])
  })

  it('is kept alive while it takes longer than its lease', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('hang') })
    await fixture.startWorker()
    let beats = 0
    fixture.results.onProgress = (id) => id !== attemptId || (beats += 1) < 8
    await fixture.enqueue(job)
    await fixture.called('failed', attemptId)
    expect(beats).toBeGreaterThanOrEqual(8)
  })

  it('hands its report over again while results-service is busy', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('app') })
    await fixture.startWorker()
    fixture.results.reportProblems.push(
      new PharosError('busy', 'Wait.', { retryAfterMs: 1000 }),
      new PharosError('upstream-unavailable', 'Gone.'),
    )
    await fixture.enqueue(job)
    await fixture.drained()
    expect(fixture.results.of('report', attemptId)).toHaveLength(3)
  })

  it('is given back while its registry, which answered 429, wants to be left alone', async () => {
    fixture.registry.fail({ match: /team\/limited\/manifests/, fault: { kind: 'status', status: 429, retryAfter: '7' } })
    const limited = fixture.task({ reference: reference('limited') })
    const second = fixture.task({ reference: reference('app') })
    await fixture.startWorker({ slots: 1 })
    await fixture.enqueue(limited.job)
    expect((await fixture.called('failed', limited.attemptId)).body).toMatchObject({
      reason: { code: 'registry-rate-limited' },
      phase: 'resolve',
    })
    await fixture.enqueue(second.job)
    expect((await fixture.called('deferred', second.attemptId)).body).toMatchObject({
      reason: 'registry-limit',
      delayMs: expect.any(Number) as number,
    })
    await fixture.redis.flush()
  })

  it('is given back when the worker ends before it', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('hang') })
    await fixture.startWorker({ grace: '1s' })
    await fixture.enqueue(job)
    await pollUntil(() => fixture.results.of('progress', attemptId).some(({ body }) => (body as { phase: string }).phase === 'catalogue'))
    await fixture.stopWorkers()
    expect(fixture.results.of('deferred', attemptId)[0]?.body).toEqual({ delayMs: 0, reason: 'drain' })
  })
})

describe('a result that is not all', () => {
  it('says that trivy is not here, and is never a clean image', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('app'), engines: ['grype', 'trivy'] })
    await fixture.startWorker()
    await fixture.enqueue(job)
    await fixture.called('report', attemptId)
    expect(outcomes(fixture.results.report(attemptId).engines)).toEqual([
      ['grype', 'complete', undefined],
      ['trivy', 'unavailable', 'engine-unavailable'],
    ])
  })

  it('says that there is no database, and keeps the catalogue', async () => {
    const { job, attemptId } = fixture.task({ reference: reference('app'), generations: [] })
    await fixture.startWorker()
    await fixture.enqueue(job)
    await fixture.called('report', attemptId)
    const report = fixture.results.report(attemptId)
    expect(outcomes(report.engines)).toEqual([['grype', 'unavailable', 'database-missing']])
    expect(report.packages).toHaveLength(2)
  })

  it('says that a database is not the one of its checksum', async () => {
    const { job, attemptId } = fixture.task({
      reference: reference('app'),
      generations: [{ ...fixture.generation, checksum: 'f'.repeat(64) }],
    })
    await fixture.startWorker()
    await fixture.enqueue(job)
    await fixture.called('report', attemptId)
    expect(outcomes(fixture.results.report(attemptId).engines)).toEqual([['grype', 'failed', 'database-damaged']])
  })
})

describe('a database generation', () => {
  it('is downloaded and imported once for many scans', async () => {
    const before = fixture.results.archiveDownloads
    const tasks = [fixture.task({ reference: reference('app') }), fixture.task({ reference: reference('app') })]
    await fixture.startWorker()
    for (const { job } of tasks) await fixture.enqueue(job, 'interactive')
    for (const { attemptId } of tasks) await fixture.called('report', attemptId)
    expect(fixture.results.archiveDownloads - before).toBeLessThanOrEqual(1)
  })
})
