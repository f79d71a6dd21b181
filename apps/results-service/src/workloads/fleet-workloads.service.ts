import { Injectable } from '@nestjs/common'
import {
  type FilterNode,
  filterOf,
  type FleetWorkload,
  type FleetWorkloadPage,
  PharosError,
  type Principal,
  printFilter,
  type QueryWorkloads,
} from '@pharos/contracts'
import { type VisibleRepositories, visibleRepositories } from '../access/repository-scope.js'
import { originalText } from '../inventory/stored-text.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { cappedCount, decodePosition, walkablePage, type WalkPosition } from '../query/walkable-page.js'
import { type FleetWorkloadQuery, type FleetWorkloadRow, FleetWorkloadsRepository, type WorkloadKey } from './fleet-workloads.repository.js'

/** Lists the workloads that run now and that the caller may see. */
@Injectable()
export class FleetWorkloadsService {
  constructor(
    private readonly workloads: FleetWorkloadsRepository,
    private readonly compiler: FilterCompiler,
  ) {}

  async list(query: QueryWorkloads, principal: Principal): Promise<FleetWorkloadPage> {
    const scope = visibleRepositories(principal)
    const ast = filterOf(query.filter, 'workloads')
    const list = { list: 'fleet-workloads', sort: JSON.stringify([query.sort, ast === null ? '' : printFilter(ast)]) }
    const position = decodePosition(list, query.cursor, ['int'])
    const isReversed = query.sort.startsWith('-') !== (position?.isBackward === true)
    const [prepared, after] = await Promise.all([this.prepare(ast, scope), this.placeOf(position)])
    const found = await this.workloads.list(prepared, isReversed, after, query.limit + 1)
    const page = walkablePage(list, position, found, query.limit, (row) => [row.id], fleetWorkloadOf)
    if (query.count !== 'true') return page
    return { ...page, count: cappedCount(await this.workloads.count(prepared)) }
  }

  private async placeOf(position: WalkPosition | null): Promise<WorkloadKey | null> {
    if (position === null) return null
    const key = await this.workloads.keyOf(String(position.values[0]))
    if (key === null) throw new PharosError('cursor-invalid', 'The workload at which the page began is not known any more; begin again.')
    return key
  }

  private async prepare(ast: FilterNode | null, scope: VisibleRepositories): Promise<FleetWorkloadQuery> {
    const parameters = SqlParameters.ofScope(scope)
    const { condition } = await this.compiler.compile(ast, 'workloads', parameters, scope)
    return { parameters, condition }
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
    isStale: row.is_stale,
  }
}
