import { ClusterName, PutWorkloadsQuery, WorkloadClusterList, WorkloadSnapshotAnswer } from '../workload.js'
import { mebibyte, type RouteDefinition } from './route-definition.js'

/** What runs where. */
export const workloadRoutes = [
  {
    operation: 'putWorkloads',
    method: 'PUT',
    path: '/workloads/clusters/{cluster}',
    tag: 'Workloads',
    role: 'scanner',
    summary:
      'Replace what is known to run in a cluster by a snapshot (application/json: a WorkloadSnapshot; application/x-ndjson: its head, then a workload a line; both also with Content-Encoding: gzip)',
    params: { cluster: ClusterName },
    query: PutWorkloadsQuery,
    body: { raw: 'application/json, application/x-ndjson', limitBytes: 128 * mebibyte, acceptsGzip: true },
    responses: { 200: { description: 'What has changed, and which images are not known', schema: WorkloadSnapshotAnswer } },
    problems: ['conflict', 'json-invalid', 'platform-invalid', 'busy'],
  },
  {
    operation: 'listWorkloadClusters',
    method: 'GET',
    path: '/workloads/clusters',
    tag: 'Workloads',
    role: 'viewer',
    summary: 'Clusters that have sent snapshots, and how fresh these are',
    responses: { 200: { description: 'The clusters', schema: WorkloadClusterList } },
  },
  {
    operation: 'removeWorkloadCluster',
    method: 'DELETE',
    path: '/workloads/clusters/{cluster}',
    tag: 'Workloads',
    role: 'admin',
    summary: 'Forget a cluster: its workloads end now, and its next snapshot may begin with any sequence',
    params: { cluster: ClusterName },
    responses: { 204: { description: 'Forgotten' } },
  },
] as const satisfies readonly RouteDefinition[]
