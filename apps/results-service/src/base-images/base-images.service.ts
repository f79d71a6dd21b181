import { Injectable } from '@nestjs/common'
import {
  type ImageBase,
  type ImageChildPage,
  type ImageLayer,
  type ImageLayerList,
  PharosError,
  type PageQuery,
  type Principal,
} from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, pageOfRows } from '../database/keyset.js'
import { ImageLocator, type LocatedImage } from '../images/image-locator.js'
import { severities, severityCode } from '../inventory/column-codes.js'
import { originalText } from '../inventory/stored-text.js'
import { isFromBase } from './layer-chain.js'
import { BaseImagesRepository, type LayerCountRow, type LayersRow } from './base-images.repository.js'

type Contents = Pick<ImageLayer, 'packages' | 'findings'>

/** What images are built on, and what each layer brings. */
@Injectable()
export class BaseImagesService {
  constructor(
    private readonly bases: BaseImagesRepository,
    private readonly locator: ImageLocator,
  ) {}

  async base(digest: string, principal: Principal): Promise<ImageBase> {
    const scope = visibleRepositories(principal)
    const image = await this.locator.locate(digest, scope)
    const row = await this.bases.base(image.id, scope)
    const { items, unplaced } = await this.layersOf(image)
    const sum = (chosen: readonly Contents[]) =>
      chosen.reduce((total, { findings }) => total + severities.reduce((count, name) => count + findings[name], 0), 0)
    return {
      base: row && {
        digest: row.digest,
        references: (row.references ?? []).map(originalText),
        annotatedReference: row.base_reference && originalText(row.base_reference),
        annotatedDigest: row.base_digest,
        source: row.source,
        layerCount: row.layer_count,
      },
      findings: {
        fromBase: sum(items.filter((layer) => layer.isFromBase === true)),
        own: sum(items.filter((layer) => layer.isFromBase === false)),
        unplaced: sum([unplaced, ...items.filter((layer) => layer.isFromBase === null)]),
      },
    }
  }

  async layers(digest: string, principal: Principal): Promise<ImageLayerList> {
    return this.layersOf(await this.locator.locate(digest, visibleRepositories(principal)))
  }

  async children(digest: string, query: PageQuery, principal: Principal): Promise<ImageChildPage> {
    const scope = visibleRepositories(principal)
    const image = await this.locator.locate(digest, scope)
    const list = { list: 'image-children', sort: image.digest }
    const [before] = decodeCursor(list, query.cursor, ['int']) ?? [null]
    const found = await this.bases.children(
      image.id,
      scope,
      before === null || before === undefined ? null : String(before),
      query.limit + 1,
    )
    return pageOfRows(
      list,
      found,
      query.limit,
      (row) => [row.id],
      (row) => ({
        digest: row.digest,
        references: row.references.map(originalText),
        platform: originalText(row.platform),
        layerCount: row.layer_count,
        firstSeenAt: row.first_seen_at.toISOString(),
      }),
    )
  }

  private async layersOf(image: LocatedImage): Promise<ImageLayerList> {
    const [row, counts, base] = await Promise.all([this.bases.layers(image.id), this.bases.counts(image), this.bases.base(image.id, null)])
    if (row === null) throw new PharosError('not-found', 'The image was removed.')
    const known = new Set(row.diff_ids.slice(0, row.layers.length))
    const steps = stepsOf(row)
    const items = row.layers.map(({ digest, sizeBytes }, position) => {
      const diffId = row.diff_ids[position] ?? null
      const step = steps[position]
      return {
        position,
        digest,
        diffId,
        sizeBytes,
        createdBy: step?.createdBy ?? null,
        createdAt: step?.createdAt ?? null,
        isFromBase: isFromBase(position, base === null ? 0 : base.layer_count),
        // A layer that stands twice has its contents at its first place.
        ...contentsOf(counts, (layer) => layer !== null && layer === diffId && row.diff_ids.indexOf(layer) === position),
      }
    })
    return { items, unplaced: contentsOf(counts, (layer) => layer === null || !known.has(layer)) }
  }
}

/** Steps of the build that made layers; none when they are not as many as the layers. */
function stepsOf({ history, layers }: LayersRow): LayersRow['history'] {
  const steps = history.filter(({ isEmptyLayer }) => !isEmptyLayer)
  return steps.length === layers.length ? steps : []
}

function contentsOf(counts: readonly LayerCountRow[], isHere: (layer: string | null) => boolean): Contents {
  const here = counts.filter(({ layer }) => isHere(layer))
  const sum = (code: number | null) => here.filter(({ severity }) => severity === code).reduce((total, { count }) => total + count, 0)
  return {
    packages: sum(null),
    findings: {
      critical: sum(severityCode('critical')),
      high: sum(severityCode('high')),
      medium: sum(severityCode('medium')),
      low: sum(severityCode('low')),
      negligible: sum(severityCode('negligible')),
      unknown: sum(severityCode('unknown')),
    },
  }
}
