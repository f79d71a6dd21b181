import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import { gzipSync } from 'node:zlib'
import { Metrics } from '@pharos/service-kit'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, resolvedImage, scanReport, simpleReport } from '../ingest/__tests__/report-builder.js'
import { createReads, type Reads } from '../inventory/__tests__/reads-harness.js'
import { TaskSubmission } from '../tasks/task-submission.js'
import { RescansRepository } from './rescans.repository.js'
import { RescansService } from './rescans.service.js'

let reads: Reads
let rescans: RescansService
beforeAll(async () => {
  reads = await createReads()
  const { database } = reads.inventory.results
  rescans = new RescansService(
    new RescansRepository(),
    new TaskSubmission(database, { wake: () => undefined } as never, new Metrics()),
    database,
  )
})
afterAll(() => reads.inventory.results.close())

const tasks = () => reads.inventory.query('select image, known_digest, cause, priority, engines from scan_task order by id')

describe('rescans', () => {
  it('are made of the images that were not scanned since, once', async () => {
    await reads.inventory.ingest(simpleReport('old', ['tar'], ['CVE-1']))
    const since = new Date(reads.inventory.clock.nowMs() + 1000).toISOString()
    await reads.inventory.ingest(simpleReport('new', ['tar'], ['CVE-1']))
    expect(await rescans.enqueue({ cause: 'schedule', notScannedSince: since, limit: 10 })).toBe(1)
    expect(await tasks()).toEqual([
      {
        image: `registry.example/team-a/old@${digestOf('old')}`,
        known_digest: digestOf('old'),
        cause: 'schedule',
        priority: 'background',
        engines: ['grype'],
      },
    ])
    expect(await rescans.enqueue({ cause: 'schedule', notScannedSince: since, limit: 10 })).toBe(0)
  })

  it('for a database are made of the images whose result is of another generation, and that were not tried since', async () => {
    await reads.inventory.results.database.runner.query('truncate scan_task cascade')
    const generationId = randomUUID()
    await reads.inventory.query(
      `insert into database_generation (id, engine, source, file_name, state, activated_at) values ($1, 'grype', 'feed', 'f', 'active', $2)`,
      [generationId, new Date(reads.inventory.clock.nowMs() + 1000)],
    )
    expect(await rescans.enqueue({ cause: 'database', generationId, limit: 1 })).toBe(1)
    expect(await rescans.enqueue({ cause: 'database', generationId, limit: 10 })).toBe(1)
    await reads.inventory.results.database.runner.query('truncate scan_task cascade')
    await reads.inventory.ingest(scanReport('old', { catalogue: null, engines: [{ ...scanReport('old').engines[0]!, status: 'failed' }] }))
    expect(await rescans.enqueue({ cause: 'database', generationId, limit: 10 })).toBe(1)
    expect((await tasks())[0]).toMatchObject({ known_digest: digestOf('new') })
  })
})

describe('what tasks say of an image', () => {
  it('keeps the contexts of all tasks of a run, and the names of posted SBOMs', async () => {
    const runId = randomUUID()
    const insert = (id: string, context: object | null, key: string | null, sbomDigest: string | null) =>
      reads.inventory.query(
        `insert into scan_task (id, image, repository, engines, priority, cause, state, phase, submitted_by, run_id, context, context_key, sbom_digest)
         values ($1, 'x', 'sbom/shop', '{grype}', 'ci', 'submit', 'waiting', 'match', 'user:a', $2, $3, $4, $5)`,
        [id, runId, context, key, sbomDigest],
      )
    await insert('0190d7a2-6c1e-7d5b-8b0a-000000000001', { team: 'former' }, null, null)
    await insert('0190d7a2-6c1e-7d5b-8b0a-000000000002', { team: 'a' }, null, null)
    await insert('0190d7a2-6c1e-7d5b-8b0a-000000000003', { build: 7 }, 'ci', digestOf('posted'))
    const { database } = reads.inventory.results
    await database.inTransaction(async (tx) => {
      await reads.inventory.images.upsertResolved(tx, resolvedImage('posted', { reference: null }))
      await reads.contextStore.keepOfRun(tx, runId, digestOf('posted'))
      await reads.inventory.images.referPostedSboms(tx, { id: runId, digest: digestOf('posted') })
    })
    expect((await reads.contexts.list(digestOf('posted'), ['sbom/%'])).items).toMatchObject([
      { key: 'ci', owner: 'submit', data: { build: 7 } },
      { key: 'default', owner: 'submit', data: { team: 'a' } },
    ])
  })
})

describe('catalogues', () => {
  const identity = { cataloguer: 'syft', version: '1', configuration: 'c' }
  const put = (text: string) => reads.catalogues.put({ digest: digestOf('kept'), identity, body: Readable.from([gzipSync(text)]) })

  it('are kept by identity, replaced by a new one, and refused when they are not gzip', async () => {
    await put('{"first": true}')
    await put('{"artifacts": []}')
    const { runner } = reads.inventory.results.database
    expect(await reads.catalogues.has(runner, digestOf('kept'), identity)).toBe(true)
    expect(await reads.catalogues.has(runner, digestOf('kept'), { ...identity, version: '2' })).toBe(false)
    await expect(
      reads.catalogues.put({ digest: digestOf('bad'), identity, body: Readable.from([Buffer.from('{}')]) }),
    ).rejects.toMatchObject({ code: 'sbom-invalid' })
    expect(await reads.catalogues.has(runner, digestOf('bad'), identity)).toBe(false)
  })

  it.each(['syft', 'cyclonedx', 'spdx'] as const)('are read as %s', async (format) => {
    await reads.inventory.results.database.inTransaction((tx) => reads.inventory.images.upsertResolved(tx, resolvedImage('kept')))
    const sbom = await reads.sboms.open(digestOf('kept'), format, null)
    const chunks: Buffer[] = []
    for await (const chunk of (await sbom.read()) as AsyncIterable<Buffer>) chunks.push(chunk)
    expect(JSON.parse(Buffer.concat(chunks).toString())).toMatchObject(
      { syft: { artifacts: [] }, cyclonedx: { specVersion: '1.6' }, spdx: { spdxVersion: 'SPDX-2.3' } }[format],
    )
  })
})
