import type { Readable } from 'node:stream'
import { Inject, Injectable } from '@nestjs/common'
import {
  type CreateGeneration,
  type DatabaseGeneration,
  type EventBody,
  type GenerationRef,
  type GenerationVerdict,
  PharosError,
} from '@pharos/contracts'
import { type Clock, CONFIGURATION, InjectClock } from '@pharos/service-kit'
import type { z } from 'zod'
import type { ResultsConfiguration } from '../configuration.js'
import { newId } from '../database/identifier.js'
import { oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { readChunks, writeChunks } from '../inventory/chunk-store.js'
import { generationOf, generationRefOf, type GenerationRow } from './generation-view.js'

/** A generation to be uploaded. */
export type NewGeneration = z.infer<typeof CreateGeneration> & { readonly allowOlder?: boolean }

const limitArchiveBytes = 2048 * 1024 * 1024
const newerDetail = 'The database is not newer than the active one.'

/**
 * Generations of the engines' databases: uploading -> candidate -> active -> retired, or refused. The archive is checked here
 * (checksum), its contents by the engine itself, whose verdict moves a candidate on.
 */
@Injectable()
export class GenerationStore {
  constructor(
    private readonly database: Database,
    private readonly events: EventLog,
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'scans'>,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** The active generation of each engine that has one. */
  async active(tx: SqlRunner): Promise<GenerationRef[]> {
    const found = await rows<GenerationRow>(tx, `select * from database_generation where state = 'active' order by engine`)
    return found.map((row) => generationRefOf(row, this.clock.now(), this.configuration.scans.databaseMaxAgeMs))
  }

  async create(input: NewGeneration): Promise<DatabaseGeneration> {
    const row = await oneRow<GenerationRow>(
      this.database.runner,
      `insert into database_generation (id, engine, source, file_name, expected_checksum, allow_older, state) values ($1, $2, $3, $4, $5, $6, 'uploading') returning *`,
      [newId(), input.engine, input.source, input.fileName, input.checksum, input.allowOlder ?? false],
    )
    return generationOf(requireRow(row))
  }

  /**
   * Takes the archive of an uploading generation, which is a candidate then. Throws `database-damaged` when its checksum is
   * another, `database-older` when it is the active one; the generation is refused with that problem.
   */
  async writeArchive(id: string, body: AsyncIterable<Uint8Array>): Promise<DatabaseGeneration> {
    try {
      // Not run again after a deadlock: the stream is used up.
      return await this.database.inTransaction((tx) => this.storeArchive(tx, id, body), { retrySerialization: false })
    } catch (error) {
      const isRefusal = error instanceof PharosError && (error.code === 'database-damaged' || error.code === 'database-older')
      if (isRefusal) await this.database.inTransaction(async (tx) => this.refuse(tx, requireRow(await this.find(tx, id)), error.detail))
      throw error
    }
  }

  /** The archive of a generation. Throws `not-found` when it was never uploaded or has been removed. */
  async readArchive(id: string): Promise<{ body: Readable; sizeBytes: number; checksum: string }> {
    const row = await this.find(this.database.runner, id)
    if (row === null || !row.has_archive) throw new PharosError('not-found', 'There is no archive of this generation.')
    const sizeBytes = Number(row.size_bytes)
    return { body: readChunks(this.database.runner, 'generation_chunk', id, sizeBytes), sizeBytes, checksum: row.checksum ?? '' }
  }

  /** What the engine says of a candidate: it becomes active and the former one retired, or it is refused. Throws `database-older`. */
  async verdict(id: string, verdict: z.infer<typeof GenerationVerdict>): Promise<DatabaseGeneration> {
    const { row, isOlder } = await this.database.inTransaction(async (tx) => {
      const { engine } = requireRow(await this.find(tx, id))
      await this.lockEngine(tx, engine)
      const candidate = requireRow(await this.find(tx, id))
      if (candidate.state !== 'candidate') return { row: candidate, isOlder: false }
      if (!verdict.accepted)
        return { row: await this.refuse(tx, candidate, verdict.problem ?? 'The engine cannot use it.'), isOlder: false }
      const builtAt = verdict.builtAt === null ? null : new Date(verdict.builtAt)
      const active = await oneRow<GenerationRow>(tx, `select * from database_generation where engine = $1 and state = 'active'`, [engine])
      const isAllowed = candidate.allow_older || verdict.allowOlder
      if (!isAllowed && active?.built_at && builtAt !== null && builtAt <= active.built_at)
        return { row: await this.refuse(tx, candidate, newerDetail), isOlder: true }
      return { row: await this.activate(tx, candidate, { ...verdict, builtAt }), isOlder: false }
    })
    if (isOlder) throw new PharosError('database-older', newerDetail)
    const isSame = verdict.accepted ? row.state === 'active' || row.state === 'retired' : row.state === 'refused'
    if (!isSame) throw new PharosError('conflict', `This generation is ${row.state}: it waits for no verdict.`)
    return generationOf(row)
  }

  /** Removes archives of generations that are out of use since before `endedBefore`, and uploads that never ended. Returns how many. */
  async expire(tx: Transaction, endedBefore: Date): Promise<number> {
    const abandoned = `update database_generation set state = 'refused', problem = 'The upload did not end.', retired_at = now() where state = 'uploading' and created_at < $1`
    await tx.query(abandoned, [endedBefore])
    const ended = await rows<{ id: string }>(
      tx,
      `update database_generation set has_archive = false where has_archive and state in ('retired', 'refused') and coalesce(retired_at, created_at) < $1 returning id`,
      [endedBefore],
    )
    await tx.query('delete from generation_chunk where key = any ($1::uuid[])', [ended.map(({ id }) => id)])
    return ended.length
  }

  private async storeArchive(tx: Transaction, id: string, body: AsyncIterable<Uint8Array>): Promise<DatabaseGeneration> {
    const generation = requireRow(await oneRow<GenerationRow>(tx, 'select * from database_generation where id = $1 for update', [id]))
    if (generation.state !== 'uploading') throw new PharosError('conflict', 'The archive of this generation has been uploaded.')
    const { sha256, sizeBytes } = await writeChunks(tx, 'generation_chunk', id, body, limitArchiveBytes)
    if (generation.expected_checksum !== null && generation.expected_checksum !== sha256) {
      throw new PharosError('database-damaged', `The archive has the SHA-256 ${sha256} and not ${generation.expected_checksum}.`)
    }
    await this.lockEngine(tx, generation.engine)
    const twin = await oneRow(tx, `select id from database_generation where engine = $1 and checksum = $2 and state = 'active'`, [
      generation.engine,
      sha256,
    ])
    if (twin !== null && !generation.allow_older) throw new PharosError('database-older', newerDetail)
    const row = await oneRow<GenerationRow>(
      tx,
      `update database_generation set state = 'candidate', checksum = $2, size_bytes = $3, has_archive = true where id = $1 returning *`,
      [id, sha256, sizeBytes],
    )
    await this.events.append(tx, [{ type: 'database.candidate', generationId: id, engine: generation.engine }])
    return generationOf(requireRow(row))
  }

  private async activate(
    tx: Transaction,
    candidate: GenerationRow,
    verdict: { schemaVersion: string | null; builtAt: Date | null; isSample: boolean },
  ): Promise<GenerationRow> {
    await tx.query(`update database_generation set state = 'retired', retired_at = now() where engine = $1 and state = 'active'`, [
      candidate.engine,
    ])
    const row = await oneRow<GenerationRow>(
      tx,
      `update database_generation set state = 'active', schema_version = $2, built_at = $3, is_sample = $4, activated_at = date_trunc('milliseconds', now()) where id = $1 returning *`,
      [candidate.id, verdict.schemaVersion, verdict.builtAt, verdict.isSample],
    )
    await this.events.append(tx, [{ type: 'database.activated', generationId: candidate.id, engine: candidate.engine }])
    return requireRow(row)
  }

  private async refuse(tx: Transaction, { id, engine }: GenerationRow, problem: string): Promise<GenerationRow> {
    const row = await oneRow<GenerationRow>(
      tx,
      `update database_generation set state = 'refused', problem = $2, retired_at = now(), has_archive = false where id = $1 returning *`,
      [id, problem],
    )
    await tx.query('delete from generation_chunk where key = $1', [id])
    const event: EventBody = { type: 'database.refused', generationId: id, engine, problem }
    await this.events.append(tx, [event])
    return requireRow(row)
  }

  /** One generation of an engine changes its state at a time. */
  private async lockEngine(tx: Transaction, engine: string): Promise<void> {
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`generation ${engine}`])
  }

  private async find(runner: SqlRunner, id: string): Promise<GenerationRow | null> {
    return oneRow<GenerationRow>(runner, 'select * from database_generation where id = $1', [id])
  }
}

function requireRow(row: GenerationRow | null): GenerationRow {
  if (row === null) throw new PharosError('not-found', 'There is no such generation.')
  return row
}
