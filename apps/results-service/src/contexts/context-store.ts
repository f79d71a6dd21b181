import { Injectable } from '@nestjs/common'
import { afterCommit, type Transaction } from '../database/transaction.js'
import { rows } from '../database/sql.js'
import { imageAnswered, imageChanged, subjectKinds } from '../enrichment/due-subjects.js'
import { LabelStore } from '../enrichment/label-store.js'
import { EventBroadcast } from '../events/event-broadcast.js'

/** Owner of the labels of submitted contexts. */
const submitter = 'submit'

interface KeptRow {
  key: string
  data: Record<string, unknown>
}

/** Contexts that submitters know of images, each under its key; enrichers get them, and are due when one changes. */
@Injectable()
export class ContextStore {
  constructor(
    private readonly labels: LabelStore,
    private readonly broadcast: EventBroadcast,
  ) {}

  /** Keeps the contexts of all tasks that a run ends, of two under one key that of the later task. Its report makes the image's enrichers due. */
  async keepOfRun(tx: Transaction, runId: string, digest: string): Promise<void> {
    const kept = await this.keep(tx, digest, 't.run_id = $2', runId)
    await imageChanged(tx, digest)
    await this.label(tx, digest, kept)
    this.wake(tx)
  }

  /** Keeps the context of one task, which a stored result has ended. */
  async keepOfTask(tx: Transaction, taskId: string, digest: string): Promise<void> {
    const kept = await this.keep(tx, digest, 't.id = $2', taskId)
    await imageAnswered(
      tx,
      digest,
      kept.map(({ key }) => key),
    )
    await this.label(tx, digest, kept)
    this.wake(tx)
  }

  /** Returns those that are new or have changed. */
  private keep(tx: Transaction, digest: string, ofTasks: 't.run_id = $2' | 't.id = $2', id: string): Promise<KeptRow[]> {
    return rows<KeptRow>(
      tx,
      `insert into image_context (digest, key, owner, data, updated_at)
       select distinct on (coalesce(t.context_key, 'default')) $1, coalesce(t.context_key, 'default'), '${submitter}', t.context::json, date_trunc('milliseconds', now())
         from scan_task t where ${ofTasks} and t.context is not null order by coalesce(t.context_key, 'default'), t.id desc
       on conflict (digest, key, owner) do update set data = excluded.data, updated_at = excluded.updated_at where image_context.data::text <> excluded.data::text
       returning key, data`,
      [digest, id],
    )
  }

  private async label(tx: Transaction, digest: string, kept: readonly KeptRow[]): Promise<void> {
    if (kept.length === 0) return
    const subjects = await rows<{ id: string; key: string }>(
      tx,
      `select s.id, s.key from enrichment_subject s join image i on i.id = s.image_id where i.digest = $1 and s.kind = ${subjectKinds.submitted} and s.key = any ($2::text[])`,
      [digest, kept.map(({ key }) => key)],
    )
    const data = new Map(kept.map((row) => [row.key, row.data]))
    await this.labels.replace(
      tx,
      subjects.map(({ id, key }) => ({ subject: Number(id), owner: submitter, data: data.get(key) ?? null })),
    )
  }

  private wake(tx: Transaction): void {
    afterCommit(tx, () => this.broadcast.enrichmentDue())
  }
}
