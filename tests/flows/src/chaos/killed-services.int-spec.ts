import { randomUUID } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { DatabaseGeneration, endedTaskStates, type ScanProgress, ScanResult, ScanTask, type SubmitScan } from '@pharos/contracts'
import { pollUntil } from '@pharos/service-kit'
import { sampleDatabases, startRegistry, type TestRegistry } from '@pharos/test-kit'
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { hasScanners, importSampleDatabase, type PharosStack, startPharos } from '../harness/pharos-stack.js'
import { allowRegistry } from '../harness/sample-site.js'
import { buildSmallImage } from '../harness/small-image.js'
import { storedRows } from '../harness/stored-rows.js'

const victims = [
  'scanner-worker',
  'results-service',
  'api-gateway',
  'redis',
  'scheduler',
  'results-service-2',
  'scanner-worker-2',
  'redis',
] as const
/** Tasks that are accepted right before each kill: 104 in all. */
const waveSize = 13
const imageCount = 30
const patienceMs = 400_000

let pharos: PharosStack
let registry: TestRegistry
const references: string[] = []

describe.skipIf(!hasScanners)('kill -9 of each service and of Redis, with two workers and two results-services', () => {
  beforeAll(async () => {
    pharos = await startPharos({
      resultsReplicas: 2,
      workers: 2,
      // Here the workers die by the flow's hand: no image is to blame for it.
      environment: { 'results-service': { PHAROS_LEASE: '5s', PHAROS_MAX_CRASHES: '20', PHAROS_MAX_ATTEMPTS: '20' } },
    })
    await importSampleDatabase(pharos.api)
    registry = await startRegistry()
    await allowRegistry(pharos.api, registry.host, { maxConcurrent: 50 })
    for (let index = 0; index < imageCount; index += 1)
      references.push(registry.add(`chaos/${index}`, '1', (await buildSmallImage()).image))
  })
  afterAll(async () => {
    await registry?.close()
    await pharos?.close()
  })

  it(
    'ends every accepted task, and stores each result once',
    async () => {
      const ids: string[] = []
      const streams: Promise<ScanProgress[]>[] = []
      const waits: Promise<string>[] = []
      for (const victim of victims) {
        const before = await endedCount()
        const wave = Array.from({ length: waveSize }, (_, index): SubmitScan => {
          const number = ids.length + index
          return { image: references[number % imageCount] ?? '', force: number >= imageCount }
        })
        const accepted = await pharos.api.submitAll(wave, 'chaos')
        ids.push(...accepted)
        streams.push(...accepted.slice(0, 2).map((id) => followed(id)))
        waits.push(waited({ image: references[waits.length] ?? '', cohort: 'chaos' }))
        if (victim === 'redis') await pharos.redis.restart()
        else await pharos.service(victim).restart()
        // The next one dies only after the system has gone on.
        await pollUntil(async () => (await endedCount()) >= before + 4, {
          timeoutMs: patienceMs,
          intervalMs: 200,
          what: `progress after the kill of ${victim}`,
        })
      }

      for (const id of ids) expect(await pharos.api.ended(id, patienceMs)).toMatchObject({ state: 'succeeded' })
      for (const events of await Promise.all(streams)) {
        expect(events.at(-1)).toMatchObject({ state: 'succeeded', phase: 'done' })
        expect(events.filter(({ state }) => endedTaskStates.has(state))).toHaveLength(1)
      }
      expect(await Promise.all(waits)).toEqual(waits.map(() => 'succeeded'))
      await expectEverythingOnce(ids.length + waits.length)
    },
    patienceMs * 2,
  )

  it(
    'loses no task that stands in Redis when its data is gone',
    async () => {
      const workers = pharos.services.filter(({ name }) => name.startsWith('scanner-worker'))
      await Promise.all(workers.map((worker) => worker.kill()))
      const ids = await pharos.api.submitAll(references.slice(0, 10).map((image) => ({ image })))
      // Relayed, and not yet taken by anybody.
      await pollUntil(async () => (await queuedJobs()) >= ids.length, { timeoutMs: 30_000, what: 'the relay of every task' })
      await pharos.redis.restart()
      await Promise.all(workers.map((worker) => worker.start()))
      for (const id of ids) expect(await pharos.api.ended(id, patienceMs)).toMatchObject({ state: 'succeeded' })
    },
    patienceMs,
  )

  it(
    'judges stored images by a database that nobody heard of because consumer and Redis were dead',
    async () => {
      const next = await sampleDatabases('next')
      if (!next.isAvailable) throw new Error(next.reason)
      const image = await pharos.api.scan({ image: references[0] ?? '' })
      await pharos.service('scheduler').kill()
      const { id } = await pharos.api.call('POST', '/databases:import?engine=grype&source=sample', DatabaseGeneration, {
        raw: { content: await readFile(next.value.grype.archivePath), type: 'application/octet-stream' },
      })
      await pharos.redis.restart()
      await pharos.service('scheduler').start()
      await pharos.api.database((generation) => generation.id === id && generation.state === 'active')
      const found = async (): Promise<string[]> =>
        (await pharos.api.findings(image.digest ?? '')).map(({ vulnerability }) => vulnerability.id)
      await pollUntil(async () => (await found()).includes('CVE-2026-90002'), {
        timeoutMs: patienceMs,
        intervalMs: 300,
        what: 'what the new database knows of a stored image',
      })
    },
    patienceMs,
  )
})

async function endedCount(): Promise<number> {
  const [row] = await storedRows<{ count: number }>(
    pharos.databaseUrl,
    `select count(*)::int as count from scan_task where cohort = 'chaos' and state = any($1)`,
    [[...endedTaskStates]],
  )
  return row?.count ?? 0
}

async function queuedJobs(): Promise<number> {
  const client = new Redis(pharos.redis.url)
  try {
    const jobs = await client.keys('{pharos}:scan:task-*')
    return jobs.length
  } finally {
    client.disconnect()
  }
}

/** Follows a task over the gateway's deaths as a client does: a stream that breaks is opened again. */
async function followed(id: string): Promise<ScanProgress[]> {
  const seen: ScanProgress[] = []
  await pollUntil(
    async () => {
      try {
        const events = await pharos.api.events(id)
        const newest = seen.at(-1)?.version ?? -1
        seen.push(...events.filter(({ version }) => version > newest))
      } catch (error) {
        // The gateway died, or could not reach anybody behind it.
        if (!isPassing(error)) throw error
      }
      return endedTaskStates.has(seen.at(-1)?.state ?? 'queued')
    },
    { timeoutMs: patienceMs, intervalMs: 200, what: `the end of the stream of ${id}` },
  )
  return seen
}

/** Submits and waits over the gateway's deaths: the idempotency key makes all tries one task. */
async function waited(body: SubmitScan): Promise<string> {
  const headers = { 'idempotency-key': randomUUID() }
  const task = await pollUntil(
    async () => {
      try {
        const answer = await pharos.api.send('POST', '/scans?wait=20s', { body, headers })
        if (answer.status === 200) return ScanResult.parse(answer.json).task
        return answer.status === 202 ? await pharos.api.ended(ScanTask.parse(answer.json).id, patienceMs) : undefined
      } catch (error) {
        if (!isPassing(error)) throw error
        return undefined
      }
    },
    { timeoutMs: patienceMs, intervalMs: 300, what: `the result of ${body.image}` },
  )
  return task.state
}

function isPassing(error: unknown): boolean {
  return (
    error instanceof Error &&
    /fetch failed|terminated|socket|ECONN|answered 50\d|other side closed|did not come to the wanted state/.test(
      `${error.message} ${String(error.cause)}`,
    )
  )
}

async function expectEverythingOnce(tasks: number): Promise<void> {
  const counted = async (sql: string): Promise<number> => (await storedRows<{ count: number }>(pharos.databaseUrl, sql))[0]?.count ?? -1
  expect(await counted(`select count(*)::int as count from scan_task where cohort = 'chaos' and state = 'succeeded'`)).toBe(tasks)
  expect(await counted('select count(*)::int as count from image')).toBe(imageCount)
  expect(
    await counted(
      `select count(*)::int as count from (select 1 from event where body->>'type' = 'scan.ended' group by body->>'taskId' having count(*) > 1) twice`,
    ),
  ).toBe(0)
  expect(await counted("select count(*)::int as count from scan_run where state = 'open'")).toBe(0)
  expect(
    await counted(
      `select count(*)::int as count from (select run_id from scan_attempt where state = 'reported' group by run_id having count(*) > 1) twice`,
    ),
  ).toBe(0)
  expect(
    await counted(
      `select count(*)::int as count from (select 1 from finding f join vulnerability v on v.id = f.vulnerability_id where f.is_open group by f.image_id, f.engine, f.occurrence, v.group_id having count(*) > 1) twice`,
    ),
  ).toBe(0)
  expect(
    await counted('select count(distinct n)::int as count from (select count(*) as n from finding where is_open group by image_id) each'),
  ).toBe(1)
}
