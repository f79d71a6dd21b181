import { Injectable } from '@nestjs/common'
import { type DiffQuery, type ImageDiff, PharosError } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, type KeysetList, pageOfRows } from '../database/keyset.js'
import { ImageLocator, type LocatedImage } from '../images/image-locator.js'
import { DiffRepository } from './diff.repository.js'
import { countDifferences, type PlacedDifference } from './difference.js'
import { HistoryHorizon } from './history-horizon.js'
import { compareImages, type ComparedImage } from './image-comparison.js'
import { compareMoments } from './moment-comparison.js'

/** The moment that all pages look at, and the key of the last difference. */
const cursorTypes = ['time', 'text'] as const

/** Differences of images, and of one image between two moments. */
@Injectable()
export class DiffService {
  constructor(
    private readonly diffs: DiffRepository,
    private readonly locator: ImageLocator,
    private readonly horizon: HistoryHorizon,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /**
   * One page. Throws `request-invalid` unless there is either another image or an earlier moment, `horizon-exceeded` for a moment
   * that history does not reach back to.
   */
  async diff(digest: string, query: DiffQuery, scope: VisibleRepositories): Promise<ImageDiff> {
    const image = await this.locator.locate(digest, scope)
    if ((query.with === undefined) === (query.since === undefined)) throw invalid('with', 'Give either with, or since (and until).')
    return query.with === undefined ? this.betweenMoments(image, query) : this.betweenImages(image, query.with, query, scope)
  }

  private async betweenImages(image: LocatedImage, digest: string, query: DiffQuery, scope: VisibleRepositories): Promise<ImageDiff> {
    if (query.until !== undefined) throw invalid('until', 'until goes with since.')
    const other = await this.locator.locate(digest, scope)
    const bases = await this.diffs.engineBases([image.id, other.id])
    const side = async (one: LocatedImage): Promise<ComparedImage> => ({
      findings: await this.diffs.presentFindings(one),
      packages: await this.diffs.presentPackages(one.id),
      engines: bases.get(one.id) ?? [],
    })
    const differences = compareImages(await side(image), await side(other))
    const at = this.clock.now().toISOString()
    return page({ list: 'diff', sort: JSON.stringify([image.digest, other.digest]) }, query, differences, at, {
      from: { digest: image.digest, at },
      to: { digest: other.digest, at },
    })
  }

  private async betweenMoments(image: LocatedImage, query: DiffQuery): Promise<ImageDiff> {
    const list = { list: 'diff', sort: JSON.stringify([image.digest, query.since, query.until]) }
    // Later pages look at the same moment as the first one.
    const [pinned] = decodeCursor(list, query.cursor, cursorTypes) ?? [null]
    const since = this.horizon.require(query.since ?? '', 'since')
    const until =
      typeof pinned === 'string'
        ? new Date(pinned)
        : query.until === undefined
          ? this.clock.now()
          : this.horizon.require(query.until, 'until')
    if (until <= since) throw invalid('until', 'until must be later than since.')
    const differences = compareMoments(
      await this.diffs.momentFindings(image, since, until),
      await this.diffs.momentPackages(image.id, since, until),
    )
    return page(list, query, differences, until.toISOString(), {
      from: { digest: image.digest, at: since.toISOString() },
      to: { digest: image.digest, at: until.toISOString() },
    })
  }
}

function page(
  list: KeysetList,
  query: DiffQuery,
  differences: PlacedDifference[],
  at: string,
  sides: Pick<ImageDiff, 'from' | 'to'>,
): ImageDiff {
  const [, after = ''] = decodeCursor(list, query.cursor, cursorTypes) ?? []
  const rest = differences.filter(({ key }) => key > String(after)).sort((one, other) => (one.key < other.key ? -1 : 1))
  const { items, nextCursor } = pageOfRows(
    list,
    rest,
    query.limit,
    ({ key }) => [at, key],
    ({ difference }) => difference,
  )
  return { ...sides, counts: countDifferences(differences), items, nextCursor }
}

function invalid(parameter: string, detail: string): PharosError {
  return new PharosError('request-invalid', detail, { errors: [{ pointer: `#/query/${parameter}`, detail }] })
}
