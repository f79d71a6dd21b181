import { Injectable } from '@nestjs/common'
import type { EngineCapability } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'

/** A worker as it last said of itself. */
export interface WorkerRow {
  readonly id: string
  readonly version: string
  readonly slots: number
  readonly busy: number
  readonly engines: EngineCapability[]
  readonly lastSeenAt: Date
}

@Injectable()
export class WorkersRepository {
  constructor(private readonly database: Database) {}

  async put(worker: Omit<WorkerRow, 'lastSeenAt'>): Promise<void> {
    await this.database.runner.query(
      `insert into worker (id, version, slots, busy, engines) values ($1, $2, $3, $4, $5)
       on conflict (id) do update set version = excluded.version, slots = excluded.slots, busy = excluded.busy, engines = excluded.engines, last_seen_at = now()`,
      [worker.id, worker.version, worker.slots, worker.busy, JSON.stringify(worker.engines)],
    )
  }

  seenWithin(seconds: number): Promise<WorkerRow[]> {
    return rows(
      this.database.runner,
      `select id, version, slots, busy, engines, last_seen_at as "lastSeenAt" from worker where last_seen_at > now() - $1 * interval '1 second' order by id`,
      [seconds],
    )
  }
}
