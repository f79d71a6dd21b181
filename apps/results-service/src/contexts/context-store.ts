import { Injectable } from '@nestjs/common'
import type { ImageContext } from '@pharos/contracts'
import { rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

interface ContextRow {
  key: string
  owner: string
  data: Record<string, unknown>
  updated_at: Date
}

/** Contexts of images: facts that submitters know, each under its key. */
@Injectable()
export class ContextStore {
  constructor(private readonly database: Database) {}

  /** Keeps the contexts of all tasks that a run ends; of two under one key that of the later task. */
  keepOfRun(tx: Transaction, runId: string, digest: string): Promise<void> {
    return this.keep(tx, digest, 't.run_id = $2', runId)
  }

  /** Keeps the context of one task, which a stored result has ended. */
  keepOfTask(tx: Transaction, taskId: string, digest: string): Promise<void> {
    return this.keep(tx, digest, 't.id = $2', taskId)
  }

  private async keep(tx: Transaction, digest: string, ofTasks: 't.run_id = $2' | 't.id = $2', id: string): Promise<void> {
    await tx.query(
      `insert into image_context (digest, key, owner, data, updated_at)
       select distinct on (coalesce(t.context_key, 'default')) $1, coalesce(t.context_key, 'default'), 'submit', t.context::json, date_trunc('milliseconds', now())
         from scan_task t where ${ofTasks} and t.context is not null order by coalesce(t.context_key, 'default'), t.id desc
       on conflict (digest, key, owner) do update set data = excluded.data, updated_at = excluded.updated_at`,
      [digest, id],
    )
  }

  async list(digest: string): Promise<ImageContext[]> {
    const found = await rows<ContextRow>(
      this.database.runner,
      'select key, owner, data, updated_at from image_context where digest = $1 order by key, owner',
      [digest],
    )
    return found.map((row) => ({ key: row.key, owner: row.owner, data: row.data, updatedAt: row.updated_at.toISOString() }))
  }
}
