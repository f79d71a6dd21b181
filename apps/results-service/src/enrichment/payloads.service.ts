import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { oneRow } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { ImageLocator } from '../images/image-locator.js'
import { storedText } from '../inventory/stored-text.js'
import { subjectKinds, workloadKey } from './due-subjects.js'
import { PayloadBuilder } from './payload-builder.js'
import type { SubjectRow } from './payload.repository.js'

/** Payloads for people: what enrichers get of an image. */
@Injectable()
export class PayloadsService {
  constructor(
    private readonly database: Database,
    private readonly locator: ImageLocator,
    private readonly builder: PayloadBuilder,
  ) {}

  /** JSON of an `EnricherPayload`, without references that the caller may not see. Throws `not-found`. */
  async read(digest: string, key: string | undefined, scope: VisibleRepositories): Promise<string> {
    const subject = await this.locate(digest, key, scope)
    for await (const { text } of this.builder.build(this.database.runner, [subject], scope)) return text
    throw notFound()
  }

  /** The image itself, one of its workloads that the caller may see, or a submitted context. Throws `not-found`. */
  async locate(digest: string, key: string | undefined, scope: VisibleRepositories): Promise<SubjectRow> {
    const image = await this.locator.locate(digest, scope)
    const found = { id: '0', image_id: String(image.id) }
    if (key === undefined || key === '') return { ...found, kind: subjectKinds.image, key: '', workload_id: null }
    const stored = storedText(key)
    const { runner } = this.database
    const workload = await oneRow<{ id: string }>(
      runner,
      `select w.id from workload w where w.image_id = $1 and w.until is null and ${workloadKey('w')} = $2 and ($3::text[] is null or w.repository like any ($3::text[])) order by w.id desc limit 1`,
      [image.id, stored, scope],
    )
    if (workload !== null) return { ...found, kind: subjectKinds.workload, key: stored, workload_id: workload.id }
    const submitted = await oneRow(runner, 'select 1 from image_context where digest = $1 and key = $2', [image.digest, stored])
    if (submitted === null) throw notFound()
    return { ...found, kind: subjectKinds.submitted, key: stored, workload_id: null }
  }
}

const notFound = (): PharosError =>
  new PharosError('not-found', 'The image has no workload or submitted context of this key that you may see.')
