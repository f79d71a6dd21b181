import { Injectable } from '@nestjs/common'
import { type PageQuery, PharosError, type VulnerabilityDetail } from '@pharos/contracts'
import type { z } from 'zod'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, pageOfRows } from '../database/keyset.js'
import { engineOf } from '../inventory/column-codes.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { packageRefOf } from '../packages/package-view.js'
import { every } from '../query/sql-condition.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { type AffectedPackageRow, VulnerabilitiesRepository } from './vulnerabilities.repository.js'
import { aliasHash } from './vulnerability-store.js'
import { vulnerabilityOf } from './vulnerability-view.js'

/** Vulnerabilities and the images that they affect. */
@Injectable()
export class VulnerabilitiesService {
  constructor(private readonly vulnerabilities: VulnerabilitiesRepository) {}

  /** By any of its ids or aliases. Throws `not-found` for one that no scan has met. */
  async detail(id: string, query: z.infer<typeof PageQuery>, scope: VisibleRepositories): Promise<VulnerabilityDetail> {
    const group = await this.vulnerabilities.findGroup(aliasHash(storedText(id)))
    if (group === null) throw new PharosError('not-found', 'No scan has met this vulnerability.')
    const rows = await this.vulnerabilities.records(group.id)
    const records = rows.map(vulnerabilityOf)
    const ids = rows.map((row) => row.id)
    const list = { list: 'affected', sort: group.id }
    const [afterImageId = 0] = decodeCursor(list, query.cursor, ['int']) ?? []
    const parameters = SqlParameters.ofScope(scope)
    const position = { afterImageId: Number(afterImageId), isBackward: false }
    const images = await this.vulnerabilities.affectedImages(ids, { parameters, condition: every([]) }, position, query.limit + 1)
    const packages = await this.vulnerabilities.affectedPackages(
      ids,
      images.map((image) => image.id),
    )
    const page = pageOfRows(
      list,
      images,
      query.limit,
      (image) => [image.id],
      (image) => ({
        digest: image.digest,
        references: image.references.map(originalText),
        packages: packages.filter((row) => row.image_id === image.id).map(affectedPackageOf),
      }),
    )
    const canonicalId = originalText(group.canonical_id)
    const aliases = [...new Set(records.flatMap((record) => record.aliases))].filter((alias) => alias !== canonicalId)
    return { id: canonicalId, aliases, records, affects: page.items, nextCursor: page.nextCursor }
  }
}

export function affectedPackageOf(row: AffectedPackageRow) {
  return { ...packageRefOf(row), fixVersions: row.match_body.fixVersions, engine: engineOf(row.engine) }
}
