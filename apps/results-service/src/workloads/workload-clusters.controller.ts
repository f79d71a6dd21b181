import type { Readable } from 'node:stream'
import { Controller, Delete, Get, Headers, HttpCode, Put } from '@nestjs/common'
import { ClusterName, type Principal, PutWorkloadsQuery, type WorkloadClusterList, type WorkloadSnapshotAnswer } from '@pharos/contracts'
import { ForServices, RawBody, StreamBody, ValidParams, ValidQuery } from '@pharos/service-kit'
import { z } from 'zod'
import { CurrentPrincipal } from '../access/current-principal.js'
import { WorkloadClustersService } from './workload-clusters.service.js'
import { WorkloadSnapshotsService } from './workload-snapshots.service.js'

const ClusterParams = z.object({ cluster: ClusterName })
type ClusterParams = z.infer<typeof ClusterParams>

const snapshotLimitBytes = 128 * 1024 * 1024

/** What clusters run, as they tell it. */
@Controller('api/v1/workloads/clusters')
@ForServices('api-gateway')
export class WorkloadClustersController {
  constructor(
    private readonly snapshots: WorkloadSnapshotsService,
    private readonly clusters: WorkloadClustersService,
  ) {}

  @Get()
  list(@CurrentPrincipal() principal: Principal): Promise<WorkloadClusterList> {
    return this.clusters.list(principal)
  }

  @Put(':cluster')
  @RawBody()
  put(
    @ValidParams(ClusterParams) { cluster }: ClusterParams,
    @ValidQuery(PutWorkloadsQuery) query: PutWorkloadsQuery,
    @StreamBody({ limitBytes: snapshotLimitBytes }) body: Readable,
    @Headers('content-type') mediaType: string,
    @Headers('content-encoding') encoding: string | undefined,
    @CurrentPrincipal() principal: Principal,
  ): Promise<WorkloadSnapshotAnswer> {
    return this.snapshots.put(cluster, { body, mediaType, encoding }, query, principal)
  }

  @Delete(':cluster')
  @HttpCode(204)
  remove(@ValidParams(ClusterParams) { cluster }: ClusterParams, @CurrentPrincipal() principal: Principal): Promise<void> {
    return this.clusters.remove(cluster, principal)
  }
}
