import { Injectable } from '@nestjs/common'
import { filterOf, type ImageVexQuery, PharosError, type VexExportQuery } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decisionFactsOf } from '../decisions/decision-facts.js'
import { ImageLocator } from '../images/image-locator.js'
import { textHash } from '../inventory/content-hash.js'
import { originalText } from '../inventory/stored-text.js'
import { writeCsaf } from './formats/csaf-writer.js'
import { writeCycloneDxVex } from './formats/cyclonedx-vex-writer.js'
import { writeOpenVex } from './formats/openvex-writer.js'
import { type ExportedDecision, onePerPackage, type VexExport } from './formats/vex-export.js'
import { type ChangeCount, type ExportRow, VexExportsRepository } from './vex-exports.repository.js'

const writers = { openvex: writeOpenVex, cyclonedx: writeCycloneDxVex, csaf: writeCsaf } as const
const limit = 100_000

/** Writes what was decided as VEX documents. The same decisions give the same bytes. */
@Injectable()
export class VexExportsService {
  constructor(
    private readonly exports: VexExportsRepository,
    private readonly locator: ImageLocator,
  ) {}

  /** Decisions about an image. Throws `not-found` for an image without any: no format has a document that says nothing. */
  async ofImage(digest: string, query: ImageVexQuery, scope: VisibleRepositories): Promise<object> {
    const image = await this.locator.locate(digest, scope)
    const [changes, rows] = [await this.exports.changesOf(image), await this.exports.ofImage(image, scope)]
    return write(`images/${image.digest}`, query, changes, rows)
  }

  /** Decisions about findings that fit a filter. Throws `filter-invalid`, and `request-too-large` for more than 100,000 decisions. */
  async ofFilter({ filter, ...query }: VexExportQuery, scope: VisibleRepositories): Promise<object> {
    const ast = filterOf(filter, 'findings')
    const [changes, rows] = [await this.exports.changesOfAll(), await this.exports.ofFilter(ast, scope, limit + 1)]
    if (rows.length > limit)
      throw new PharosError('request-too-large', `There are more than ${limit} decisions. Ask for fewer with a filter.`)
    return write(`fleet/${textHash(JSON.stringify([filter ?? null, scope]))}`, query, changes, rows)
  }
}

function write(subject: string, query: ImageVexQuery, changes: ChangeCount | null, rows: readonly ExportRow[]): object {
  const decisions = onePerPackage(rows.flatMap(decisionOf))
  if (changes === null || decisions.length === 0)
    throw new PharosError('not-found', 'Nothing was decided about these findings, or of packages without a package URL alone.')
  const document: VexExport = {
    subject,
    author: query.author,
    namespace: query.namespace.replace(/\/+$/, ''),
    version: changes.version,
    firstAt: changes.firstAt,
    lastAt: changes.lastAt,
    decisions,
  }
  return writers[query.format](document)
}

/** A package without a purl cannot be named in a document. */
function decisionOf(row: ExportRow): ExportedDecision[] {
  if (row.purl === null) return []
  const { status, justification, impactStatement, comment, response, original } = decisionFactsOf(row)
  const vulnerability = originalText(row.canonical_id)
  return [
    {
      vulnerability,
      aliases: row.names.map(originalText).filter((name) => name !== vulnerability),
      image: { digest: row.digest, repositories: row.repositories.map(originalText) },
      package: { purl: originalText(row.purl), name: originalText(row.package_name), version: originalText(row.package_version) },
      status,
      justification,
      impactStatement,
      comment,
      response,
      original,
      at: row.decided_at,
    },
  ]
}
