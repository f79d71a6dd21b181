import type { Readable } from 'node:stream'
import { Inject, Injectable } from '@nestjs/common'
import { type CreateGeneration, type DatabaseGeneration, type GenerationRef, type GenerationVerdict, PharosError } from '@pharos/contracts'
import { type Clock, CONFIGURATION, InjectClock } from '@pharos/service-kit'
import type { z } from 'zod'
import type { ResultsConfiguration } from '../configuration.js'
import { newId } from '../database/identifier.js'
import { oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { EventLog } from '../events/event-log.js'
import { readChunks, writeChunks } from '../inventory/chunk-store.js'
import { CandidateJudgement, newerDetail } from './candidate-judgement.js'
import { GenerationTransitions, requireGeneration } from './generation-transitions.js'
import { generationOf, generationRefOf, type GenerationRow } from './generation-view.js'

/** A generation to be uploaded. */
export type NewGeneration = z.infer<typeof CreateGeneration> & { readonly allowOlder?: boolean }

const limitArchiveBytes = 2048 * 1024 * 1024

/**
 * Generations of the engines' databases, and their archives (states: generation-transitions.ts). The archive is checked here
 * (checksum), its contents by the engine itself, whose verdict moves a candidate on.
 */
@Injectable()
export class GenerationStore {
  constructor(
    private readonly database: Database,
    private readonly events: EventLog,
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'scans'>,
    @InjectClock() private readonly clock: Clock,
    private readonly transitions: GenerationTransitions,
    private readonly judgement: CandidateJudgement,
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
    return generationOf(requireGeneration(row))
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
      if (isRefusal)
        await this.database.inTransaction(async (tx) =>
          this.transitions.refuse(tx, requireGeneration(await this.transitions.find(tx, id)), error.detail),
        )
      throw error
    }
  }

  /** The archive of a generation. Throws `not-found` when it was never uploaded or has been removed. */
  async readArchive(id: string): Promise<{ body: Readable; sizeBytes: number; checksum: string }> {
    const row = await this.transitions.find(this.database.runner, id)
    if (row === null || !row.has_archive) throw new PharosError('not-found', 'There is no archive of this generation.')
    const sizeBytes = Number(row.size_bytes)
    return { body: readChunks(this.database.runner, 'generation_chunk', id, sizeBytes), sizeBytes, checksum: row.checksum ?? '' }
  }

  /**
   * What the engine says of a candidate: it is refused, or its turn comes: it is matched, active, or waits for the end of a re-match.
   * Throws `database-older`.
   */
  async verdict(id: string, verdict: z.infer<typeof GenerationVerdict>): Promise<DatabaseGeneration> {
    const row = await this.database.inTransaction(async (tx) => {
      const { engine } = requireGeneration(await this.transitions.find(tx, id))
      await this.transitions.lockEngine(tx, engine)
      const candidate = requireGeneration(await this.transitions.find(tx, id))
      if (candidate.state !== 'candidate' || candidate.judged_at !== null) return candidate
      if (verdict.accepted) {
        await this.transitions.accept(tx, id, { ...verdict, builtAt: verdict.builtAt === null ? null : new Date(verdict.builtAt) })
        await this.judgement.settle(tx, engine)
      } else {
        await this.transitions.refuse(tx, candidate, verdict.problem ?? 'The engine cannot use it.')
      }
      return requireGeneration(await this.transitions.find(tx, id))
    })
    if (verdict.accepted && row.problem === newerDetail) throw new PharosError('database-older', newerDetail)
    if (verdict.accepted === (row.state === 'refused'))
      throw new PharosError('conflict', `This generation is ${row.state}: it waits for no verdict.`)
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
    const generation = requireGeneration(
      await oneRow<GenerationRow>(tx, 'select * from database_generation where id = $1 for update', [id]),
    )
    if (generation.state !== 'uploading') throw new PharosError('conflict', 'The archive of this generation has been uploaded.')
    const { sha256, sizeBytes } = await writeChunks(tx, 'generation_chunk', id, body, limitArchiveBytes)
    if (generation.expected_checksum !== null && generation.expected_checksum !== sha256) {
      throw new PharosError('database-damaged', `The archive has the SHA-256 ${sha256} and not ${generation.expected_checksum}.`)
    }
    await this.transitions.lockEngine(tx, generation.engine)
    const twin = await oneRow(
      tx,
      `select id from database_generation where engine = $1 and checksum = $2 and state in ('active', 'matching')`,
      [generation.engine, sha256],
    )
    if (twin !== null && !generation.allow_older) throw new PharosError('database-older', newerDetail)
    const row = await oneRow<GenerationRow>(
      tx,
      `update database_generation set state = 'candidate', checksum = $2, size_bytes = $3, has_archive = true where id = $1 returning *`,
      [id, sha256, sizeBytes],
    )
    await this.events.append(tx, [{ type: 'database.candidate', generationId: id, engine: generation.engine }])
    return generationOf(requireGeneration(row))
  }
}
