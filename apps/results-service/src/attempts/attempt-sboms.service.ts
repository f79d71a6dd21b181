import type { Readable } from 'node:stream'
import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { RunsService } from '../runs/runs.service.js'
import { ScanStorage } from '../runs/scan-storage.js'
import { PostedSbomsService } from '../sboms/posted-sboms.service.js'
import { AttemptAccess, type AttemptCredential } from './attempt-access.js'

/** SBOMs between a worker and the store: only of the digest that its attempt is about. */
@Injectable()
export class AttemptSbomsService {
  constructor(
    private readonly access: AttemptAccess,
    private readonly runs: RunsService,
    private readonly storage: ScanStorage,
    private readonly posted: PostedSbomsService,
  ) {}

  /** The posted SBOM of the task, or the kept catalogue of its digest; gzip. */
  async read(credential: AttemptCredential): Promise<Readable> {
    const { digest, isPosted, cataloguer } = await this.access.withAttempt(credential, async (tx, attempt) => ({
      digest: attempt.task.sbomDigest ?? (attempt.runId === null ? null : ((await this.runs.lock(tx, attempt.runId))?.digest ?? null)),
      isPosted: attempt.task.sbomDigest !== null,
      cataloguer: attempt.cataloguer,
    }))
    if (digest === null) throw new PharosError('conflict', 'Say which digest was resolved before asking for its SBOM.')
    const body = isPosted ? await this.posted.read(digest) : await this.storage.readCatalogue(digest, cataloguer)
    if (body === null) throw new PharosError('not-found', 'No SBOM of this digest is kept.')
    return body
  }

  /** Keeps the catalogue that the worker has made of its digest. */
  async write(credential: AttemptCredential, body: Readable): Promise<void> {
    const { digest, cataloguer } = await this.access.withAttempt(credential, async (tx, attempt) => ({
      digest: attempt.runId === null ? null : ((await this.runs.lock(tx, attempt.runId))?.digest ?? null),
      cataloguer: attempt.cataloguer,
    }))
    if (digest === null || cataloguer === null)
      throw new PharosError('conflict', 'The attempt has no digest yet, or was claimed without a cataloguer.')
    await this.storage.putCatalogue({ digest, identity: cataloguer, body })
  }
}
