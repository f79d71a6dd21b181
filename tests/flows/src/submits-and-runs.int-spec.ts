import { AffectedCount, BatchOutcome, QueueList, QueueStatus, ScanTask } from '@pharos/contracts'
import { startRegistry, type TestRegistry } from '@pharos/test-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { holdBlob } from './harness/held-blob.js'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from './harness/pharos-stack.js'
import { allowRegistry } from './harness/sample-site.js'
import { buildSmallImage } from './harness/small-image.js'

let pharos: PharosStack
let registry: TestRegistry

describe.skipIf(!hasScanners)('submits and runs', () => {
  beforeAll(async () => {
    pharos = await startPharos()
    await importSampleDatabase(pharos.api)
    registry = await startRegistry()
    await allowRegistry(pharos.api, registry.host)
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it('scans a digest once that is submitted eight times at once', async () => {
    const { image, layerDigest } = await buildSmallImage()
    const reference = registry.add('team/eight', '1', image)
    const held = holdBlob(registry, 'team/eight', layerDigest)
    const submitted = await Promise.all(Array.from({ length: 8 }, () => pharos.api.submit({ image: reference, force: true })))
    await held.reached
    const tasks = await Promise.all(
      submitted.map(({ id }) =>
        pharos.api.taskWhen(id, ({ state, phase }) => state === 'waiting' || (state === 'running' && phase === 'pull')),
      ),
    )
    expect(tasks.filter(({ state }) => state === 'running')).toHaveLength(1)
    held.release()
    const ended = await Promise.all(submitted.map(({ id }) => pharos.api.ended(id)))
    expect(ended.map(({ state }) => state)).toEqual(Array(8).fill('succeeded'))
    expect(new Set(ended.map(({ runId }) => runId)).size).toBe(1)
    expect(registry.requests.filter(({ path, status }) => path.endsWith(layerDigest) && status === 200)).toHaveLength(1)
  })

  it("does not fail a follower's good credential by a leader's bad one", async () => {
    const other = await startRegistry({ access: { kind: 'basic', username: 'pharos', password: 'right' } })
    await allowRegistry(pharos.api, other.host, { username: 'pharos', password: 'right' })
    const { image, layerDigest } = await buildSmallImage()
    const held = holdBlob(registry, 'team/leader', layerDigest)
    const leader = await pharos.api.submit({ image: registry.add('team/leader', '1', image) })
    await held.reached
    const follower = await pharos.api.submit({ image: other.add('team/follower', '1', image) })
    await pharos.api.taskWhen(follower.id, ({ state }) => state === 'waiting')
    held.refuse(401)
    expect(await pharos.api.ended(leader.id)).toMatchObject({ state: 'failed', failure: { code: 'registry-unauthorized' } })
    expect(await pharos.api.ended(follower.id)).toMatchObject({ state: 'succeeded' })
    await other.close()
  })

  it('detaches a leader that is cancelled, and goes on for its follower', async () => {
    const { image, layerDigest } = await buildSmallImage()
    const reference = registry.add('team/cancelled', '1', image)
    const held = holdBlob(registry, 'team/cancelled', layerDigest)
    const leader = await pharos.api.submit({ image: reference })
    const events = pharos.api.events(leader.id)
    await held.reached
    const follower = await pharos.api.submit({ image: reference })
    await pharos.api.taskWhen(follower.id, ({ state }) => state === 'waiting')
    expect(await pharos.api.call('DELETE', `/scans/${leader.id}`, ScanTask)).toMatchObject({ state: 'cancelled' })
    expect((await events).at(-1)).toMatchObject({ state: 'cancelled' })
    held.release()
    expect(await pharos.api.ended(follower.id)).toMatchObject({ state: 'succeeded' })
    expect(await pharos.api.task(leader.id)).toMatchObject({ state: 'cancelled' })
  })

  it.each([
    ['JSON', 'application/json', (images: string[]): string => JSON.stringify({ items: images.map((image) => ({ image })) })],
    ['NDJSON', 'application/x-ndjson', (images: string[]): string => images.map((image) => JSON.stringify({ image })).join('\n')],
  ])('answers each item of a batch in %s, and a wrong one spoils no other', async (_name, type, contentOf) => {
    const { image } = await buildSmallImage()
    const reference = registry.add('team/batch', '1', image)
    const outcome = await pharos.api.call('POST', '/scans:batch', BatchOutcome, {
      raw: { content: contentOf([reference, '-not-a-reference', reference]), type },
    })
    expect(outcome).toMatchObject({
      accepted: 2,
      refused: 1,
      items: [{ index: 0 }, { index: 1, id: null, problem: { code: 'reference-invalid' } }, { index: 2 }],
    })
    for (const { id } of outcome.items) if (id !== null) expect((await pharos.api.ended(id)).state).toBe('succeeded')
  })

  it('starts no work of a paused lane, and lets it go on later', async () => {
    const { image } = await buildSmallImage()
    const reference = registry.add('team/lane', '1', image)
    expect(await pharos.api.call('POST', '/queues/ci:pause', QueueStatus)).toMatchObject({ lane: 'ci', isPaused: true })
    const held = await pharos.api.submit({ image: reference, priority: 'ci' })
    expect(await pharos.api.scan({ image: reference, priority: 'interactive' })).toMatchObject({ state: 'succeeded' })
    expect(await pharos.api.task(held.id)).toMatchObject({ state: 'queued' })
    const { items } = await pharos.api.call('GET', '/queues', QueueList)
    expect(items.find(({ lane }) => lane === 'ci')).toMatchObject({ isPaused: true, queued: 1 })
    await pharos.api.call('POST', '/queues/ci:resume', QueueStatus)
    expect(await pharos.api.ended(held.id)).toMatchObject({ state: 'succeeded' })
  })

  it('holds the tasks of a paused cohort alone', async () => {
    const { image } = await buildSmallImage()
    const reference = registry.add('team/cohort', '1', image)
    await pharos.api.call('POST', '/cohorts/nightly:pause', AffectedCount)
    const held = await pharos.api.submit({ image: reference, cohort: 'nightly' })
    expect(await pharos.api.scan({ image: reference, cohort: 'daily' })).toMatchObject({ state: 'succeeded' })
    expect(await pharos.api.task(held.id)).toMatchObject({ state: 'queued' })
    await pharos.api.call('POST', '/cohorts/nightly:resume', AffectedCount)
    expect(await pharos.api.ended(held.id)).toMatchObject({ state: 'succeeded' })
  })

  it('replays what failed', async () => {
    const { image } = await buildSmallImage()
    const failed = await pharos.api.scan({ image: `${registry.host}/team/replayed:1`, cohort: 'replayed' })
    expect(failed).toMatchObject({ state: 'failed', failure: { code: 'manifest-not-found' } })
    registry.add('team/replayed', '1', image)
    const answer = await pharos.api.call('POST', '/scans:replay', AffectedCount, { body: { cohort: 'replayed', state: 'failed' } })
    expect(answer).toEqual({ affected: 1 })
    expect(await pharos.api.ended(failed.id)).toMatchObject({ state: 'succeeded', id: failed.id })
  })

  it('scans a posted SBOM as it scans the image', async () => {
    const { image, digest } = await buildSmallImage()
    await pharos.api.scan({ image: registry.add('team/sbom', '1', image) })
    const sbom = await pharos.api.send('GET', `/images/${digest}/sbom?format=syft`)
    const posted = await pharos.api.call('POST', '/sboms?name=posted', ScanTask, { raw: { content: sbom.text, type: 'application/json' } })
    const ended = await pharos.api.ended(posted.id)
    expect([ended.state, ended.failure]).toEqual(['succeeded', null])
    expect(await nativeIds(ended.digest ?? '')).toEqual(await nativeIds(digest))
    expect((await nativeIds(digest)).length).toBeGreaterThan(0)
  })
})

async function nativeIds(digest: string): Promise<string[]> {
  return (await pharos.api.findings(digest)).map(({ vulnerability }) => vulnerability.nativeId).sort()
}
