import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import {
  ClusterName,
  FleetWorkloadPage,
  PutWorkloadsQuery,
  QueryWorkloads,
  WorkloadClusterList,
  WorkloadSnapshotAnswer,
} from '@pharos/contracts'
import type { Command } from 'commander'
import { addSchemaOptions, givenOptions } from '../options/options-from-schema.js'
import { facts, table } from '../output/output.js'
import { ageText, shortDigest, shorten } from '../output/terminal-text.js'
import type { RunCommand } from './command-context.js'
import { showPage } from './page-listing.js'

const listFields = ['filter', 'sort', 'limit', 'cursor', 'count'] as const

/** The table of a list of workloads. */
export function workloadTable({ items }: FleetWorkloadPage, nowMs: number): string {
  return table(
    ['CLUSTER', 'NAMESPACE', 'WORKLOAD', 'CONTAINER', 'IMAGE', 'DIGEST', 'RISK', 'SINCE'],
    items.map((item) => [
      item.isStale ? `${item.cluster} (stale)` : item.cluster,
      item.namespace,
      shorten(`${item.kind}/${item.name}`, 48),
      item.container,
      shorten(item.reference, 60),
      item.image === null ? 'not scanned' : shortDigest(item.image.digest),
      item.image === null ? '-' : item.image.maxRisk.toFixed(1),
      ageText(item.since, nowMs),
    ]),
  )
}

function clusterTable({ items }: WorkloadClusterList, nowMs: number): string {
  return table(
    ['CLUSTER', 'CONTAINERS', 'NOT SCANNED', 'OBSERVED', 'STATE'],
    items.map((item) => [
      item.cluster,
      String(item.workloads),
      String(item.unresolved),
      ageText(item.observedAt, nowMs),
      item.staleSince === null ? (item.problem ?? 'fresh') : `stale for ${ageText(item.staleSince, nowMs)}`,
    ]),
  )
}

function snapshotText(answer: WorkloadSnapshotAnswer): string {
  const taken = answer.outcome === 'already-taken' ? 'This snapshot was taken before.\n' : ''
  const summary = facts([
    ['Containers', String(answer.workloads)],
    ['Appeared', String(answer.appeared)],
    ['Gone', String(answer.gone)],
    ['Changed', String(answer.changed)],
    ['Images not scanned', String(answer.unknownImageCount)],
    ['Scans enqueued', String(answer.submitted)],
  ])
  if (answer.unknownImages.length === 0) return taken + summary
  return `${taken}${summary}\n${table(
    ['NOT SCANNED', 'DIGEST', 'PLATFORM', 'CONTAINERS', ''],
    answer.unknownImages.map((image) => [
      shorten(image.reference, 72),
      image.digest === null ? '-' : shortDigest(image.digest),
      image.platform,
      String(image.containers),
      image.isSubmitted ? 'enqueued' : '',
    ]),
  )}`
}

/** How a file is sent: by the end of its name, with `.gz` behind it when it is compressed. */
function formOf(file: string): { mediaType: string; headers: Record<string, string> } {
  const isGzip = file.endsWith('.gz')
  const isLines = /\.(ndjson|jsonl)(\.gz)?$/.test(file)
  return { mediaType: isLines ? 'application/x-ndjson' : 'application/json', headers: isGzip ? { 'content-encoding': 'gzip' } : {} }
}

/** Adds the commands of what runs where. */
export function addWorkloadCommands(program: Command, run: RunCommand): void {
  const workloads = program.command('workloads').description('What runs where')
  const list = workloads.command('list', { isDefault: true }).description('List the containers that run and their images')
  addSchemaOptions(list, QueryWorkloads, listFields)
  list.action(() =>
    run(list, (context) =>
      showPage(context, '/workloads', givenOptions(list.opts(), listFields), FleetWorkloadPage, (page) =>
        workloadTable(page, context.nowMs()),
      ),
    ),
  )

  const clusters = workloads.command('clusters').description('List the clusters that tell what they run')
  clusters.action(() =>
    run(clusters, async (context) =>
      context.output.result(await context.api.request({ method: 'GET', path: '/workloads/clusters' }, WorkloadClusterList), (value) =>
        clusterTable(value, context.nowMs()),
      ),
    ),
  )

  const push = workloads
    .command('push')
    .description('Replace what is known to run in a cluster by a snapshot')
    .argument('<file>', 'A WorkloadSnapshot as .json, or as .ndjson with its head on the first line; both also as .gz')
    .requiredOption('--cluster <name>', String(ClusterName.meta()?.['description']))
    .option('--submit', String(PutWorkloadsQuery.shape.submit.meta()?.['description']))
    .option('--allow-empty', String(PutWorkloadsQuery.shape.allowEmpty.meta()?.['description']))
  push.action((file: string) =>
    run(push, async (context) => {
      const { size } = await stat(file)
      const { cluster, submit, allowEmpty } = push.opts<{ cluster: string; submit?: boolean; allowEmpty?: boolean }>()
      const { mediaType, headers } = formOf(file)
      const answer = await context.api.request(
        {
          method: 'PUT',
          path: `/workloads/clusters/${encodeURIComponent(cluster)}`,
          query: { submit: String(submit ?? false), allowEmpty: String(allowEmpty ?? false) },
          headers,
          stream: { body: createReadStream(file), mediaType, sizeBytes: size },
        },
        WorkloadSnapshotAnswer,
      )
      context.output.result(answer, snapshotText)
    }),
  )

  const forget = workloads.command('forget').description('Forget a cluster: what it ran has ended').argument('<cluster>')
  forget.action((cluster: string) =>
    run(forget, async (context) => {
      await context.api.call({ method: 'DELETE', path: `/workloads/clusters/${encodeURIComponent(cluster)}` })
      context.output.result({ cluster }, () => 'The cluster is forgotten.\n')
    }),
  )
}
