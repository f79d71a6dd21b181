import { Injectable } from '@nestjs/common'
import type { ScriptFailure } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { subjectKinds } from '../enrichment/due-subjects.js'
import type { LocatedImage } from '../images/image-locator.js'

/** A context as it is stored; set_id is null for a submitted one. */
export interface ContextRow {
  key: string
  owner: string
  data: Record<string, unknown> | null
  updated_at: Date
  error: ScriptFailure | null
  failed_at: Date | null
  set_id: string | null
  is_due: boolean
  workload_id: string | null
}

/** How the enrichment of an image stands. */
export interface EnrichmentRow {
  is_active: boolean
  due_since: Date | null
  problem: string | null
  has_error: boolean
}

const isVisible = `($2::text[] is null or s.kind <> ${subjectKinds.workload} or exists (select from workload w where w.id = s.workload_id and w.repository like any ($2::text[])))`

/** Work that will change the contexts of a subject: a comparison does not. */
const dueWork = `select w.due_at from enrichment_work w left join enricher_run r on r.id = w.run_id where w.subject_id = s.id and r.kind is distinct from 'compare'`

/** Reads contexts of images. */
@Injectable()
export class ContextsRepository {
  constructor(private readonly database: Database) {}

  /** Submitted ones and those of enrichers; of workloads those that the caller may see. */
  list(image: LocatedImage, scope: VisibleRepositories): Promise<ContextRow[]> {
    return rows<ContextRow>(
      this.database.runner,
      `select c.key, c.owner, c.data, c.updated_at, null::json as error, null::timestamptz as failed_at, null::uuid as set_id, false as is_due, null::bigint as workload_id
         from image_context c where c.digest = $1
       union all
       select s.key, e.owner, e.data, e.updated_at, e.error, e.failed_at, e.set_id, exists (${dueWork}), s.workload_id
         from enrichment_subject s join enrichment_context e on e.subject_id = s.id where s.image_id = $3 and ${isVisible}
       order by 1, 2`,
      [image.digest, scope, image.id],
    )
  }

  async enrichment(image: LocatedImage, scope: VisibleRepositories): Promise<EnrichmentRow> {
    const row = await oneRow<EnrichmentRow>(
      this.database.runner,
      `select exists (select from enricher_set where state = 'active') as is_active,
              min((select min(d.due_at) from (${dueWork}) d)) as due_since, max(s.problem) as problem,
              coalesce(bool_or(exists (select from enrichment_context e where e.subject_id = s.id and e.error is not null)), false) as has_error
         from enrichment_subject s where s.image_id = $1 and ${isVisible}`,
      [image.id, scope],
    )
    return row ?? { is_active: false, due_since: null, problem: null, has_error: false }
  }
}
