import { createHash, randomBytes } from 'node:crypto'
import { DatabaseGenerationPage } from '@pharos/contracts'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { createReads, principalFor, type Reads, walk } from '../inventory/__tests__/reads-harness.js'

let reads: Reads
beforeAll(async () => {
  reads = await createReads()
})
beforeEach(() => reads.inventory.clear())
afterAll(() => reads.inventory.results.close())

const verdict = {
  accepted: true,
  schemaVersion: 'v6.1.10',
  builtAt: '2026-11-23T05:00:00.000Z',
  isSample: false,
  problem: null,
  allowOlder: false,
}
const sha256 = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

async function* inPieces(bytes: Buffer, size = 100_000): AsyncGenerator<Buffer> {
  for (let offset = 0; offset < bytes.byteLength; offset += size) yield await Promise.resolve(bytes.subarray(offset, offset + size))
}

async function upload(bytes: Buffer, checksum: string | null = sha256(bytes)) {
  const { id } = await reads.generationStore.create({ engine: 'grype', source: 'feed', checksum, fileName: 'db.tar.zst' })
  return reads.generationStore.writeArchive(id, inPieces(bytes))
}

const active = () => reads.generationStore.active(reads.inventory.results.database.runner)
const chunks = async () => (await reads.inventory.query('select key from generation_chunk')).length

describe('a database generation', () => {
  it('is uploaded in chunks, read as it was, and becomes active by the verdict of its engine', async () => {
    const bytes = randomBytes(2_500_000)
    const candidate = await upload(bytes)
    expect(candidate).toMatchObject({ state: 'candidate', checksum: sha256(bytes), sizeBytes: bytes.byteLength })
    expect(await chunks()).toBe(3)
    const { body } = await reads.generationStore.readArchive(candidate.id)
    const read: Buffer[] = []
    for await (const chunk of body as AsyncIterable<Buffer>) read.push(chunk)
    expect(Buffer.concat(read).equals(bytes)).toBe(true)
    expect(await active()).toEqual([])
    expect(await reads.generationStore.verdict(candidate.id, verdict)).toMatchObject({ state: 'active', schemaVersion: 'v6.1.10' })
    expect(await active()).toEqual([expect.objectContaining({ id: candidate.id, isStale: false, checksum: sha256(bytes) })])
    expect(await reads.eventBodies()).toEqual([
      { type: 'database.candidate', generationId: candidate.id, engine: 'grype' },
      { type: 'database.activated', generationId: candidate.id, engine: 'grype' },
    ])
    expect(await reads.generationStore.verdict(candidate.id, verdict)).toMatchObject({ state: 'active' })
  })

  it('with another checksum than stated is damaged, refused, and keeps no archive', async () => {
    await expect(upload(randomBytes(10), 'a'.repeat(64))).rejects.toMatchObject({ code: 'database-damaged' })
    expect(await chunks()).toBe(0)
    expect((await reads.generations.list({ limit: 5 })).items).toEqual([expect.objectContaining({ state: 'refused' })])
  })

  it('that breaks off stays in upload and can be sent again', async () => {
    const bytes = randomBytes(1_500_000)
    const { id } = await reads.generationStore.create({ engine: 'grype', source: 'feed', checksum: sha256(bytes), fileName: 'db' })
    async function* broken(): AsyncGenerator<Buffer> {
      yield* inPieces(bytes.subarray(0, 1_200_000))
      throw new Error('connection lost')
    }
    await expect(reads.generationStore.writeArchive(id, broken())).rejects.toThrow('connection lost')
    expect(await reads.generationStore.writeArchive(id, inPieces(bytes))).toMatchObject({ state: 'candidate' })
    await expect(reads.generationStore.writeArchive(id, inPieces(bytes))).rejects.toMatchObject({ code: 'conflict' })
  })

  it('that is newer retires the former one, whose archive expiry removes', async () => {
    const first = await upload(randomBytes(10))
    await reads.generationStore.verdict(first.id, verdict)
    const second = await upload(randomBytes(20))
    await reads.generationStore.verdict(second.id, { ...verdict, builtAt: '2026-11-24T05:00:00.000Z' })
    expect((await active()).map(({ id }) => id)).toEqual([second.id])
    const expire = (before: Date) => reads.inventory.results.database.inTransaction((tx) => reads.generationStore.expire(tx, before))
    expect(await expire(new Date(0))).toBe(0)
    expect(await expire(new Date(Date.now() + 60_000))).toBe(1)
    await expect(reads.generationStore.readArchive(first.id)).rejects.toMatchObject({ code: 'not-found' })
    expect(await chunks()).toBe(1)
  })

  it('that is not newer is refused unless it is allowed', async () => {
    await reads.generationStore.verdict((await upload(randomBytes(10))).id, verdict)
    const older = await upload(randomBytes(20))
    await expect(reads.generationStore.verdict(older.id, verdict)).rejects.toMatchObject({ code: 'database-older' })
    expect((await reads.eventBodies()).at(-1)).toMatchObject({ type: 'database.refused', generationId: older.id })
    const allowed = await upload(randomBytes(30))
    expect(await reads.generationStore.verdict(allowed.id, { ...verdict, allowOlder: true })).toMatchObject({ state: 'active' })
  })

  it('that the engine cannot use is refused with its problem', async () => {
    const candidate = await upload(randomBytes(10))
    expect(await reads.generationStore.verdict(candidate.id, { ...verdict, accepted: false, problem: 'another schema' })).toMatchObject({
      state: 'refused',
      problem: 'another schema',
    })
  })

  it('the active one again is not taken', async () => {
    const bytes = randomBytes(10)
    await reads.generationStore.verdict((await upload(bytes)).id, verdict)
    await expect(upload(bytes)).rejects.toMatchObject({ code: 'database-older' })
  })

  it('older than the limit is stale', async () => {
    await reads.generationStore.verdict((await upload(randomBytes(10))).id, { ...verdict, builtAt: '2026-01-01T00:00:00.000Z' })
    expect(await active()).toEqual([expect.objectContaining({ isStale: true })])
  })

  it('is listed newest first, in pages, and an import is audited', async () => {
    for (const size of [1, 2, 3]) await upload(randomBytes(size * 10))
    const imported = await reads.generations.import(
      { engine: 'grype', allowOlder: 'false', source: 'file.tar.zst' },
      inPieces(randomBytes(40)),
      principalFor(null),
    )
    const page = await reads.generations.list({ limit: 10 })
    expect(DatabaseGenerationPage.parse(page)).toEqual(page)
    expect(page.items[0]?.id).toBe(imported.id)
    expect(await walk((cursor) => reads.generations.list({ limit: 1, cursor }))).toEqual(page.items)
    expect((await reads.generations.list({ limit: 10, state: 'active' })).items).toEqual([])
    expect(await reads.inventory.query('select action from audit_event')).toEqual([{ action: 'database.import' }])
  })

  it('two verdicts at once make one active', async () => {
    const candidates = await Promise.all([10, 20, 30].map((size) => upload(randomBytes(size))))
    await Promise.all(
      candidates.map(({ id }, day) =>
        reads.generationStore.verdict(id, { ...verdict, builtAt: `2026-11-2${day}T00:00:00.000Z`, allowOlder: true }),
      ),
    )
    expect(await active()).toHaveLength(1)
  })
})
