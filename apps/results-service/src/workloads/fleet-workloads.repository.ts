import { Injectable } from '@nestjs/common'
import { oneRow, rows } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { subjectKinds, workloadKey } from '../enrichment/due-subjects.js'
import type { FleetQuery } from '../query/fleet-query.js'
import { behind, countLimit, type OrderColumn, orderBy } from '../query/walkable-page.js'

/** A container that runs now. Names are as stored, see stored-text.ts. */
export interface FleetWorkloadRow {
  id: string
  cluster: string
  namespace: string
  kind: string
  name: string
  container: string
  owner: string | null
  labels: Record<string, string>
  reference: string
  platform: string
  digest: string
  since: Date
  is_stale: boolean
  image_digest: string | null
  max_risk: number | null
  last_scanned_at: Date | null
  contexts: Record<string, Record<string, unknown>> | null
}

/** The columns of the index of current workloads: together they are unique. */
const keyColumns = ['cluster', 'namespace', 'kind', 'name', 'container', 'digest', 'platform'] as const
const columns: readonly OrderColumn[] = keyColumns.map((name) => ({ sql: `w.${name}`, type: 'text', isDescending: false }))

/** The place of a workload in the order. */
export type WorkloadKey = Readonly<Record<(typeof keyColumns)[number], string>>

const isVisible = `w.until is null and ($1::text[] is null or w.repository like any ($1::text[]))`

/** Reads the workloads of the fleet in the order of their names. */
@Injectable()
export class FleetWorkloadsRepository {
  constructor(private readonly database: Database) {}

  /** The place of a workload that a cursor names; null when it is not known any more. A cursor that held seven names would be too long. */
  async keyOf(id: string): Promise<WorkloadKey | null> {
    return oneRow(this.database.runner, `select ${keyColumns.join(', ')} from workload where id = $1`, [id])
  }

  async list(
    { parameters, condition }: FleetQuery,
    isReversed: boolean,
    after: WorkloadKey | null,
    limit: number,
  ): Promise<FleetWorkloadRow[]> {
    const values = after === null ? null : keyColumns.map((name) => after[name])
    const order = orderBy(columns, isReversed)
    return rows<FleetWorkloadRow>(
      this.database.runner,
      ...parameters.bind(
        `select w.id, w.cluster, w.namespace, w.kind, w.name, w.container, w.owner, w.labels, w.reference, w.platform, w.digest, w.since, s.stale_since is not null as is_stale,
                i.digest as image_digest, i.max_risk, i.last_scanned_at,
                (select json_object_agg(ec.owner, ec.data order by ec.owner) from enrichment_subject es join enrichment_context ec on ec.subject_id = es.id
                  where es.image_id = w.image_id and es.kind = ${subjectKinds.workload} and es.key = ${workloadKey('w')} and ec.data is not null) as contexts
           from workload w left join workload_source s on s.cluster = w.cluster left join image i on i.id = w.image_id
          where ${isVisible} and ${condition('w')} and ${values === null ? 'true' : behind(columns, isReversed, values, parameters)}
          order by ${order} limit ${limit}`,
      ),
    )
  }

  /** Counts up to one more than the limit of counts. */
  async count({ parameters, condition }: FleetQuery): Promise<number> {
    const [row] = await rows<{ count: string }>(
      this.database.runner,
      ...parameters.bind(
        `select count(*) from (select from workload w where ${isVisible} and ${condition('w')} limit ${countLimit + 1}) x`,
      ),
    )
    return Number(row?.count ?? 0)
  }
}
