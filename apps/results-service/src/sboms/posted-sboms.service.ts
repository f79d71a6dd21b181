import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { Injectable } from '@nestjs/common'
import type { EngineName, Principal, ScanTask } from '@pharos/contracts'
import { PharosError } from '@pharos/contracts'
import { InjectConfiguration, parseStrictJson } from '@pharos/service-kit'
import { isVisible } from '../access/repository-scope.js'
import type { ResultsConfiguration } from '../configuration.js'
import { Database } from '../database/transaction.js'
import { TaskSubmission } from '../tasks/task-submission.js'
import { toScanTask } from '../tasks/task-view.js'
import { PostedSbomsRepository } from './posted-sboms.repository.js'
import { sbomFormatOf } from './sbom-format.js'

const compress = promisify(gzip)

/** SBOMs that are posted instead of an image: kept as they came, and matched like an image's. */
@Injectable()
export class PostedSbomsService {
  constructor(
    private readonly database: Database,
    private readonly sboms: PostedSbomsRepository,
    private readonly submission: TaskSubmission,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  /** Keeps the SBOM and accepts a task for it, in one transaction. */
  async post(text: string, name: string, principal: Principal): Promise<ScanTask> {
    const repository = `sbom/${name}`
    if (!isVisible(principal, repository)) throw new PharosError('forbidden', `Your scope does not hold ${repository}.`)
    const format = sbomFormatOf(parseStrictJson(text))
    const bytes = Buffer.from(text)
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    const body = await compress(bytes)
    const [row] = await this.database.inTransaction(async (tx) => {
      await this.sboms.insert(tx, { digest, name, format, body, sizeBytes: bytes.length })
      return this.submission.submitMany(tx, [
        {
          image: `sbom:${digest}`,
          repository,
          engines: this.configuration.scans.defaultEngines as readonly EngineName[],
          priority: 'interactive',
          cause: 'submit',
          sbomDigest: digest,
          submittedBy: principal.id,
        },
      ])
    })
    if (row === undefined) throw new PharosError('internal-error', 'The task was not stored.')
    return toScanTask(row)
  }

  /** The SBOM as it came, gzip; null when it is not kept. */
  async read(digest: string): Promise<Readable | null> {
    const body = await this.sboms.body(digest)
    return body === null ? null : Readable.from([body])
  }
}
