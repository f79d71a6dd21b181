import { Injectable } from '@nestjs/common'
import { type FleetWorkload, type FleetWorkloadPage, PharosError, type Principal, type QueryWorkloads } from '@pharos/contracts'
import { originalText } from '../inventory/stored-text.js'
import { type FleetList, FleetListService } from '../query/fleet-list.service.js'
import type { WalkPosition } from '../query/walkable-page.js'
import { type FleetWorkloadRow, FleetWorkloadsRepository, type WorkloadKey } from './fleet-workloads.repository.js'

/** Lists the workloads that run now and that the caller may see. */
@Injectable()
export class FleetWorkloadsService {
  private readonly byName: FleetList<FleetWorkloadRow, FleetWorkload> = {
    name: 'fleet-workloads',
    resource: 'workloads',
    cursorTypes: ['int'],
    keyOf: (row) => [row.id],
    toItem: fleetWorkloadOf,
    read: async (query, isReversed, position, limit) => this.workloads.list(query, isReversed, await this.placeOf(position), limit),
    count: (query) => this.workloads.count(query),
  }

  constructor(
    private readonly workloads: FleetWorkloadsRepository,
    private readonly lists: FleetListService,
  ) {}

  list(query: QueryWorkloads, principal: Principal): Promise<FleetWorkloadPage> {
    return this.lists.page(this.byName, query, principal)
  }

  private async placeOf(position: WalkPosition | null): Promise<WorkloadKey | null> {
    if (position === null) return null
    const key = await this.workloads.keyOf(String(position.values[0]))
    if (key === null) throw new PharosError('cursor-invalid', 'The workload at which the page began is not known any more; begin again.')
    return key
  }
}

function fleetWorkloadOf(row: FleetWorkloadRow): FleetWorkload {
  const hasScan = row.last_scanned_at !== null && row.last_scanned_at.getTime() > 0
  return {
    id: row.id,
    cluster: row.cluster,
    namespace: row.namespace,
    kind: row.kind,
    name: row.name,
    container: row.container,
    owner: row.owner && originalText(row.owner),
    labels: row.labels,
    reference: originalText(row.reference),
    platform: originalText(row.platform),
    observedDigest: row.digest === '' ? null : row.digest,
    image:
      row.image_digest === null
        ? null
        : {
            digest: row.image_digest,
            maxRisk: row.max_risk ?? 0,
            lastScannedAt: hasScan ? (row.last_scanned_at?.toISOString() ?? null) : null,
          },
    since: row.since.toISOString(),
    ...(row.contexts === null ? {} : { contexts: row.contexts }),
    isStale: row.is_stale,
  }
}
