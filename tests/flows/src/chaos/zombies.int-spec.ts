import { pollUntil } from '@pharos/service-kit'
import { startRegistry, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdBlob } from '../harness/held-blob.js'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from '../harness/pharos-stack.js'
import { familyOf } from '../harness/process-list.js'
import { allowRegistry } from '../harness/sample-site.js'
import { buildSmallImage } from '../harness/small-image.js'
import { storedRows } from '../harness/stored-rows.js'
import { emptyReport, refusalOf, resolvedImage, WorkerClient } from '../harness/worker-client.js'

let pharos: PharosStack
let registry: TestRegistry

describe.skipIf(!hasScanners)('zombies and forgers', () => {
  beforeAll(async () => {
    pharos = await startPharos({ resultsReplicas: 2, workers: 2, environment: { 'results-service': { PHAROS_LEASE: '4s' } } })
    await importSampleDatabase(pharos.api)
    registry = await startRegistry()
    await allowRegistry(pharos.api, registry.host)
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it('gives the scan of a frozen worker to another, and refuses the late report of the first', async () => {
    const { image, layerDigest, digest } = await buildSmallImage()
    const held = holdBlob(registry, 'team/frozen', layerDigest)
    const { id } = await pharos.api.submit({ image: registry.add('team/frozen', '1', image) })
    await held.reached
    const frozen = await workerOf(id)
    for (const { pid } of familyOf(frozen.pid)) process.kill(pid, 'SIGSTOP')
    expect(await pharos.api.ended(id)).toMatchObject({ state: 'succeeded', attempts: 2 })
    const findings = await pharos.api.findings(digest)
    for (const { pid } of familyOf(frozen.pid)) process.kill(pid, 'SIGCONT')
    held.release()
    // The worker that woke up works on: what it says late is refused, and what it does next is right.
    const next = await buildSmallImage()
    expect(await pharos.api.scan({ image: registry.add('team/next', '1', next.image) })).toMatchObject({ state: 'succeeded' })
    await pollUntil(() => frozen.log().includes('"message":"attempt lost"'), {
      timeoutMs: 60_000,
      what: 'the frozen worker to hear that its attempt is lost',
    })
    expect(await pharos.api.task(id)).toMatchObject({ state: 'succeeded', attempts: 2 })
    expect(await pharos.api.findings(digest)).toEqual(findings)
  })

  it("refuses a dead attempt's report and one with another attempt's token, and takes the right one", async () => {
    for (const service of pharos.services.filter(({ name }) => name.startsWith('scanner-worker'))) await service.kill()
    const first = new WorkerClient(pharos, 'zombie')
    const second = new WorkerClient(pharos, 'successor')
    const { digest } = await buildSmallImage()
    const [id = ''] = await pharos.api.submitAll([{ image: 'registry.example/team/app:1' }])
    const other = await pharos.api.submit({ image: 'registry.example/team/other:1' })
    const forger = await first.claim(other.id, 1)

    const zombie = await first.claim(id, 1)
    expect(await first.resolved(zombie, resolvedImage(digest))).toMatchObject({ decision: 'run' })
    await pharos.api.taskWhen(id, ({ attempts }) => attempts === 2)
    const successor = await second.claim(id, 2)
    expect(await second.resolved(successor, resolvedImage(digest))).toMatchObject({ decision: 'run' })

    expect(await refusalOf(first.report(zombie, emptyReport(digest)))).toBe('attempt-superseded')
    expect(await refusalOf(first.progress(zombie))).toBe('attempt-superseded')
    expect(await refusalOf(first.report({ attemptId: successor.attemptId, token: zombie.token }, emptyReport(digest)))).toBe(
      'attempt-superseded',
    )
    expect(await refusalOf(first.report({ attemptId: successor.attemptId, token: forger.token }, emptyReport(digest)))).toBe(
      'attempt-superseded',
    )
    expect(await refusalOf(first.report({ attemptId: successor.attemptId, token: '' }, emptyReport(digest)))).toBe('attempt-superseded')
    expect((await pharos.api.task(id)).state).toBe('running')

    expect(await second.report(successor, emptyReport(digest))).toEqual({ outcome: 'stored' })
    expect(await second.report(successor, emptyReport(digest))).toEqual({ outcome: 'already-stored' })
    expect(await pharos.api.ended(id)).toMatchObject({ state: 'partial', attempts: 2 })
    first.close()
    second.close()
  })
})

/** The worker that holds the current attempt of a task. */
async function workerOf(taskId: string) {
  const [row] = await storedRows<{ worker_id: string }>(
    pharos.databaseUrl,
    `select worker_id from scan_attempt where task_id = $1 and state = 'claimed'`,
    [taskId],
  )
  return pharos.service(row?.worker_id.startsWith('worker-2') ? 'scanner-worker-2' : 'scanner-worker')
}
