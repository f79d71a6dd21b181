import { Injectable } from '@nestjs/common'
import type { DatabaseGeneration, EngineName, ImportDatabaseQuery, PageQuery, Principal } from '@pharos/contracts'
import type { z } from 'zod'
import { AuditLog } from '../audit/audit-log.js'
import { decodeCursor, type Page, pageOfRows } from '../database/keyset.js'
import { Database } from '../database/transaction.js'
import { GenerationStore } from './generation-store.js'
import { generationOf } from './generation-view.js'
import { GenerationsRepository } from './generations.repository.js'

/** What a list of generations is asked for. */
export type GenerationQuery = z.infer<typeof PageQuery> & {
  engine?: EngineName | undefined
  state?: DatabaseGeneration['state'] | undefined
  /** Only those that no engine has opened. */
  unjudged?: 'true' | undefined
}

/** Lists generations and takes imports. */
@Injectable()
export class GenerationsService {
  constructor(
    private readonly generations: GenerationsRepository,
    private readonly store: GenerationStore,
    private readonly audit: AuditLog,
    private readonly database: Database,
  ) {}

  /** Newest first. */
  async list(query: GenerationQuery): Promise<Page<DatabaseGeneration>> {
    const list = { list: 'databases', sort: JSON.stringify([query.engine, query.state, query.unjudged]) }
    const [after = null] = decodeCursor(list, query.cursor, ['uuid']) ?? []
    const found = await this.generations.list(
      { engine: query.engine ?? null, state: query.state ?? null, isUnjudged: query.unjudged === 'true' },
      after,
      query.limit + 1,
    )
    return pageOfRows(list, found, query.limit, (row) => [row.id], generationOf)
  }

  /** Takes an archive; it becomes active when the engine has accepted it. */
  async import(
    query: z.infer<typeof ImportDatabaseQuery>,
    body: AsyncIterable<Uint8Array>,
    principal: Principal,
  ): Promise<DatabaseGeneration> {
    const created = await this.store.create({
      engine: query.engine,
      source: query.source,
      checksum: null,
      fileName: query.source,
      allowOlder: query.allowOlder === 'true',
    })
    const candidate = await this.store.writeArchive(created.id, body)
    await this.database.inTransaction((tx) =>
      this.audit.record(tx, principal, {
        action: 'database.import',
        subject: candidate.id,
        detail: { engine: candidate.engine, checksum: candidate.checksum },
      }),
    )
    return candidate
  }
}
