import { Injectable } from '@nestjs/common'
import {
  durationMs,
  PharosError,
  type Principal,
  type PutWorkloadsQuery,
  type UnknownImage,
  type WorkloadSnapshotAnswer,
} from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { Database, type Transaction } from '../database/transaction.js'
import { clusterChanged } from '../enrichment/due-subjects.js'
import { EventLog } from '../events/event-log.js'
import { originalText } from '../inventory/stored-text.js'
import { type IncomingSnapshot, type ReadSnapshot, readSnapshot } from './snapshot-reader.js'
import { UnknownImageSubmission } from './unknown-image-submission.js'
import { type UnknownImageRow, type WorkloadSourceRow, WorkloadStore } from './workload-store.js'

const limits = { maxBytes: 256 * 1024 * 1024, maxContainers: 200_000 }
/** Snapshots that are read or stored at once; the memory of one is bounded by the limits above. */
const placeCount = 2
const listedImages = 1000

/** Takes in what clusters say they run. */
@Injectable()
export class WorkloadSnapshotsService {
  private taken = 0

  constructor(
    private readonly database: Database,
    private readonly store: WorkloadStore,
    private readonly submission: UnknownImageSubmission,
    private readonly events: EventLog,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /**
   * Stores a snapshot. Throws `forbidden` to callers whose scope is limited: a snapshot speaks for all that a cluster runs.
   * Throws `conflict` for one that is not above the last, and for an empty one that nobody has vouched for.
   */
  async put(cluster: string, incoming: IncomingSnapshot, query: PutWorkloadsQuery, principal: Principal): Promise<WorkloadSnapshotAnswer> {
    if (principal.scope.repositories !== null)
      throw new PharosError('forbidden', 'A snapshot is of all that a cluster runs; your scope is limited to some repositories.')
    if (this.taken >= placeCount) throw new PharosError('busy', 'Other snapshots are being stored; come back.', { retryAfterMs: 2000 })
    this.taken += 1
    try {
      const snapshot = await readSnapshot(incoming, limits)
      return await this.database.inTransaction((tx) => this.storeSnapshot(tx, cluster, snapshot, query, principal))
    } finally {
      this.taken -= 1
    }
  }

  private async storeSnapshot(
    tx: Transaction,
    cluster: string,
    snapshot: ReadSnapshot,
    query: PutWorkloadsQuery,
    principal: Principal,
  ): Promise<WorkloadSnapshotAnswer> {
    const { head, rows, hash } = snapshot
    const last = await this.store.lockCluster(tx, cluster)
    if (last !== null && isTaken(last, snapshot)) {
      const unknown = await this.store.unknownImages(tx, cluster)
      const count = await this.store.count(tx, cluster)
      return answerOf(cluster, head.sequence, 'already-taken', { appeared: 0, gone: 0, changed: 0, count }, unknown, new Set())
    }
    if (rows.length === 0 && head.isComplete && query.allowEmpty !== 'true' && (await this.store.count(tx, cluster)) > 0)
      throw new PharosError(
        'conflict',
        `The snapshot is empty, and ${cluster} had workloads. If nothing runs there, send it with allowEmpty=true.`,
      )
    const now = this.clock.now()
    const observedAt = Math.max(Math.min(Date.parse(head.observedAt), now.getTime()), last?.observed_at.getTime() ?? 0)
    const change = await this.store.apply(
      tx,
      {
        cluster,
        sequence: head.sequence,
        hash,
        observedAt: new Date(observedAt),
        receivedAt: now,
        expiresAt: new Date(now.getTime() + durationMs(head.expiresAfter)),
        isComplete: head.isComplete,
        problem: head.problem ?? (head.isComplete ? null : 'The last snapshot had gaps.'),
      },
      rows,
    )
    if (change.appeared > 0 || change.gone > 0)
      await this.events.append(tx, [{ type: 'workloads.changed', cluster, appeared: change.appeared, gone: change.gone }])
    if (change.appeared > 0 || change.gone > 0 || change.changed > 0) await clusterChanged(tx, cluster)
    const unknown = await this.store.unknownImages(tx, cluster)
    const submitted =
      query.submit === 'true' ? await this.submission.submit(tx, cluster, unknown, rows, principal) : new Set<UnknownImageRow>()
    return answerOf(cluster, head.sequence, 'stored', change, unknown, submitted)
  }
}

/** Whether the very same snapshot was taken before. Throws `conflict` for another one that does not come after the last. */
function isTaken(last: WorkloadSourceRow, { head, hash }: ReadSnapshot): boolean {
  const sequence = Number(last.sequence)
  if (head.sequence > sequence) return false
  if (head.sequence === sequence && last.snapshot_hash === hash) return true
  throw new PharosError(
    'conflict',
    `The last snapshot of this cluster has the sequence ${sequence}; ${head.sequence} does not come after it.`,
  )
}

function answerOf(
  cluster: string,
  sequence: number,
  outcome: WorkloadSnapshotAnswer['outcome'],
  { count, ...change }: { appeared: number; gone: number; changed: number; count: number },
  unknown: readonly UnknownImageRow[],
  submitted: ReadonlySet<UnknownImageRow>,
): WorkloadSnapshotAnswer {
  const unknownImages = unknown.slice(0, listedImages).map(
    (row): UnknownImage => ({
      reference: originalText(row.reference),
      digest: row.digest === '' ? null : row.digest,
      platform: row.platform,
      containers: row.containers,
      isSubmitted: submitted.has(row),
    }),
  )
  return {
    cluster,
    sequence,
    outcome,
    workloads: count,
    ...change,
    unknownImageCount: unknown.length,
    unknownImages,
    submitted: submitted.size,
  }
}
