import { Injectable } from '@nestjs/common'
import type { EngineName, EngineOutcome, FailureReason, ResolvedImage } from '@pharos/contracts'
import { oneRow, rows, type SqlRunner } from '../database/sql.js'
import type { Transaction } from '../database/transaction.js'
import { plainArray, textArray } from '../ingest/array-parameter.js'
import { engineCode, engineOf } from '../inventory/column-codes.js'
import { storedText } from '../inventory/stored-text.js'
import { WorkloadLinks } from '../workloads/workload-links.js'

/** What is stored of an image and decides what an ingest has to do. */
export interface LockedImage {
  readonly id: number
  readonly packagesHash: string | null
}

/** What an engine last said about an image. */
export interface LatestResult {
  readonly engine: EngineName
  /** The generation that its last good result was made in; null for a database that Pharos does not manage. */
  readonly generationId: string | null
  /** When the last good result was made; null when there has been none. */
  readonly scannedAt: Date | null
  readonly lastAttemptFailed: boolean
  readonly outcome: EngineOutcome
}

/** An engine's row in the form of the contract. */
export interface EngineResultRow {
  engine: number
  status: EngineOutcome['status']
  engine_version: string | null
  database: EngineOutcome['database']
  generation_id: string | null
  reasons: FailureReason[]
  scanned_at: Date
  has_good_result: boolean
  last_attempt_failed: boolean
  failed_reasons: FailureReason[]
  finding_count: number | null
}

/** Images, their indexes and the references that lead to them. */
@Injectable()
export class ImageStore {
  constructor(private readonly workloads: WorkloadLinks) {}

  /** Stores an image as a worker resolved it, what index lists it, and that its reference leads to it now. Returns its id. */
  async upsertResolved(tx: Transaction, resolved: ResolvedImage): Promise<number> {
    const knownId = await this.findId(tx, resolved)
    const imageId = knownId ?? (await this.insert(tx, resolved))
    const isNewInIndex = await this.storeIndex(tx, resolved)
    if (knownId === null || isNewInIndex) await this.workloads.link(tx, resolved)
    await this.storeReference(tx, imageId, resolved)
    if (knownId !== null && resolved.reference !== null) await this.touch(tx, imageId)
    return imageId
  }

  /** Locks an image until the end of the transaction: what is known of it is written by one report at a time. */
  async lock(tx: Transaction, imageId: number): Promise<LockedImage> {
    const row = await oneRow<{ packages_hash: string | null }>(tx, 'select packages_hash from image where id = $1 for update', [imageId])
    return { id: imageId, packagesHash: row?.packages_hash ?? null }
  }

  /**
   * A stored image in the form in which a worker resolves one, to scan it again. Its reference is left out: the tag may lead
   * elsewhere by now.
   */
  async resolvedOf(tx: SqlRunner, digest: string): Promise<ResolvedImage | null> {
    const row = await oneRow<ResolvedRow>(
      tx,
      `select i.media_type, i.platform, i.config_digest, i.size_bytes, i.layers, i.annotations, x.index_digest
         from image i left join lateral (select index_digest from image_index where manifest_digest = i.digest order by index_digest limit 1) x on true
        where i.digest = $1`,
      [digest],
    )
    if (row === null) return null
    return {
      digest,
      indexDigest: row.index_digest,
      mediaType: row.media_type,
      platform: row.platform,
      configDigest: row.config_digest,
      sizeBytes: Number(row.size_bytes),
      layers: row.layers,
      annotations: row.annotations,
      reference: null,
      indexPlatforms: [],
    }
  }

  /** What each of the engines last said about an image; engines that have never said anything are left out. */
  async latestResult(tx: SqlRunner, asked: { digest: string; engines: readonly EngineName[] }): Promise<LatestResult[]> {
    const found = await rows<EngineResultRow>(
      tx,
      `select r.*, s.critical + s.high + s.medium + s.low + s.negligible + s.unknown as finding_count
         from image i join image_engine_result r on r.image_id = i.id left join image_summary s on s.image_id = i.id and s.engine = r.engine
        where i.digest = $1 and r.engine = any ($2::int2[]) order by r.engine`,
      [asked.digest, plainArray(asked.engines.map(engineCode))],
    )
    return found.map((row) => ({
      engine: engineOf(row.engine),
      generationId: row.generation_id,
      scannedAt: row.has_good_result ? row.scanned_at : null,
      lastAttemptFailed: row.last_attempt_failed,
      outcome: outcomeOf(row),
    }))
  }

  /** A posted SBOM has no registry: the names that it was posted under are its references, and so its visibility. */
  async referPostedSboms(tx: Transaction, run: { id: string; digest: string }): Promise<void> {
    await tx.query(
      `insert into image_reference (repository, tag, platform, image_id, since)
       select distinct t.repository, '', i.platform, i.id, date_trunc('milliseconds', now()) from scan_task t join image i on i.digest = $2
        where t.run_id = $1 and t.sbom_digest is not null order by 1 on conflict do nothing`,
      [run.id, run.digest],
    )
    await tx.query(
      `update image i set last_referenced_at = now()
        where i.digest = $2 and i.last_referenced_at < now() - interval '1 day' and exists (select from scan_task t where t.run_id = $1 and t.sbom_digest is not null)`,
      [run.id, run.digest],
    )
  }

  private async findId(tx: Transaction, { digest }: ResolvedImage): Promise<number | null> {
    const row = await oneRow<{ id: string; is_deleted: boolean }>(
      tx,
      'select id, deleted_from_registry_at is not null as is_deleted from image where digest = $1',
      [digest],
    )
    // It was pulled just now, so its registry has it again.
    if (row?.is_deleted) await tx.query('update image set deleted_from_registry_at = null where id = $1', [row.id])
    return row === null ? null : Number(row.id)
  }

  private async insert(tx: Transaction, resolved: ResolvedImage): Promise<number> {
    const inserted = await oneRow<{ id: string }>(
      tx,
      `insert into image (digest, media_type, platform, config_digest, size_bytes, layers, annotations)
       values ($1, $2, $3, $4, $5, $6, $7) on conflict (digest) do nothing returning id`,
      [
        resolved.digest,
        storedText(resolved.mediaType),
        storedText(resolved.platform),
        resolved.configDigest,
        resolved.sizeBytes,
        JSON.stringify(resolved.layers),
        JSON.stringify(resolved.annotations),
      ],
    )
    const row = inserted ?? (await oneRow<{ id: string }>(tx, 'select id from image where digest = $1', [resolved.digest]))
    return Number(row?.id)
  }

  /** Somebody asked for the image: retention counts from here. Once a day is near enough. */
  private async touch(tx: Transaction, imageId: number): Promise<void> {
    await tx.query(`update image set last_referenced_at = now() where id = $1 and last_referenced_at < now() - interval '1 day'`, [imageId])
  }

  /** Returns whether the index or one of its entries was not known. */
  private async storeIndex(tx: Transaction, { indexDigest, indexPlatforms, platform, digest }: ResolvedImage): Promise<boolean> {
    if (indexDigest === null) return false
    const entries = [...indexPlatforms, { platform, digest }]
    const added = await rows(
      tx,
      `insert into image_index (index_digest, platform, manifest_digest)
       select distinct $1, p, d from unnest($2::text[], $3::text[]) as t(p, d)
        where not exists (select from image_index x where x.index_digest = $1 and x.platform = p and x.manifest_digest = d)
        order by 2, 3 on conflict do nothing returning index_digest`,
      [indexDigest, textArray(entries.map((entry) => storedText(entry.platform))), textArray(entries.map((entry) => entry.digest))],
    )
    return added.length > 0
  }

  /** A tag leads to one image a platform at a time; what it led to before is kept with its end. */
  private async storeReference(tx: Transaction, imageId: number, { reference, platform }: ResolvedImage): Promise<void> {
    if (reference === null) return
    const key = [storedText(`${reference.registry}/${reference.repository}`), storedText(reference.tag ?? ''), storedText(platform)]
    const current = `from image_reference where repository = $1 and tag = $2 and platform = $3 and until is null`
    if ((await oneRow(tx, `select id ${current} and image_id = $4`, [...key, imageId])) !== null) return
    await tx.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`reference ${JSON.stringify(key)}`])
    if (reference.tag !== null) {
      await tx.query(
        `update image_reference set until = date_trunc('milliseconds', now()) where id in (select id ${current}) and image_id <> $4`,
        [...key, imageId],
      )
    }
    await tx.query(
      `insert into image_reference (repository, tag, platform, image_id, since) values ($1, $2, $3, $4, date_trunc('milliseconds', now())) on conflict do nothing`,
      [...key, imageId],
    )
  }
}

interface ResolvedRow {
  media_type: string
  platform: string
  config_digest: string | null
  size_bytes: string
  layers: ResolvedImage['layers']
  annotations: ResolvedImage['annotations']
  index_digest: string | null
}

/** An engine's last outcome; after a failed attempt the reasons are those of the failure, the rest is that of the last good result. */
export function outcomeOf(row: EngineResultRow): EngineOutcome {
  return {
    engine: engineOf(row.engine),
    status: row.status,
    engineVersion: row.engine_version,
    database: row.database,
    reasons: row.last_attempt_failed ? row.failed_reasons : row.reasons,
    findingCount: row.finding_count ?? 0,
  }
}
