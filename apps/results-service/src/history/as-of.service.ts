import { Injectable } from '@nestjs/common'
import { type AsOfQuery, filterOf, type FindingAsOf, type FindingAsOfPage, suppressingStatuses } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { decodeCursor, encodeCursor } from '../database/keyset.js'
import { publicFindingId } from '../findings/finding-identity.js'
import { ImageLocator, type LocatedImage } from '../images/image-locator.js'
import { engineOf, fixStateOf, severityOf } from '../inventory/column-codes.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { packageRefOf } from '../packages/package-view.js'
import { aliasHash } from '../vulnerabilities/vulnerability-store.js'
import { type AsOfFacts, asOfFilter } from './as-of-filter.js'
import { type AsOfImageRow, AsOfRepository, type AsOfRow, type AsOfSelection } from './as-of.repository.js'
import { HistoryHorizon } from './history-horizon.js'

/** Findings that are looked at for one page: a filter that few of them pass makes a short page, never a slow one. */
const lookedAtFirst = 200
const lookedAtMost = 5000

const suppressing: ReadonlySet<string> = suppressingStatuses

/** What was known at a past moment. */
@Injectable()
export class AsOfService {
  constructor(
    private readonly findings: AsOfRepository,
    private readonly locator: ImageLocator,
    private readonly horizon: HistoryHorizon,
    @InjectClock() private readonly clock: Clock,
  ) {}

  /** Findings of an image. Throws `horizon-exceeded`, and `filter-invalid` for what is not kept over time. */
  async ofImage(digest: string, query: AsOfQuery, scope: VisibleRepositories): Promise<FindingAsOfPage> {
    return this.list(await this.locator.locate(digest, scope), query, scope)
  }

  /** Findings of all images that the caller may see. */
  ofFleet(query: AsOfQuery, scope: VisibleRepositories): Promise<FindingAsOfPage> {
    return this.list(null, query, scope)
  }

  private async list(image: LocatedImage | null, query: AsOfQuery, scope: VisibleRepositories): Promise<FindingAsOfPage> {
    const at = this.horizon.require(query.at, 'at')
    const filter = asOfFilter(filterOf(query.filter, 'findings'), this.clock.nowMs())
    const list = { list: 'as-of', sort: JSON.stringify([image?.digest ?? null, query.at, query.filter ?? null]) }
    const [afterId = null] = decodeCursor(list, query.cursor, ['uuid']) ?? []
    const { matching, lastLookedAt } = await this.look(
      {
        at,
        image,
        scope,
        aliasHashes: filter.vulnerabilities?.map((id) => aliasHash(storedText(id))) ?? null,
        withAliases: filter.asksForVulnerability,
        afterId: afterId === null ? null : String(afterId),
      },
      (row) => row.is_open && filter.matches(factsOf(row)),
      query.limit + 1,
    )
    const shown = matching.slice(0, query.limit)
    const images = new Map(
      (await this.findings.images([...new Set(shown.map((row) => row.image_id))], at, scope)).map((row) => [row.image_id, row]),
    )
    // Behind a full page there may be more that were looked at already; behind a short one only what was not.
    const lastId = matching.length > query.limit ? shown.at(-1)?.id : lastLookedAt
    return {
      items: shown.map((row) => itemOf(row, images.get(row.image_id))),
      nextCursor: lastId === undefined || lastId === null ? null : encodeCursor(list, [lastId]),
      notKept: ['risk', 'epss'],
    }
  }

  /** Looks at more and more findings until enough of them match, all were looked at (then null), or it is enough work. */
  private async look(
    selection: Omit<AsOfSelection, 'limit'>,
    matches: (row: AsOfRow) => boolean,
    wanted: number,
  ): Promise<{ matching: AsOfRow[]; lastLookedAt: string | null }> {
    const matching: AsOfRow[] = []
    let { afterId } = selection
    for (let seen = 0, limit = Math.max(wanted, lookedAtFirst); seen < lookedAtMost; seen += limit, limit *= 2) {
      const found = await this.findings.list({ ...selection, afterId, limit })
      matching.push(...found.filter(matches))
      afterId = found.length < limit ? null : (found.at(-1)?.id ?? null)
      if (afterId === null || matching.length >= wanted) break
    }
    return { matching, lastLookedAt: afterId }
  }
}

function factsOf(row: AsOfRow): AsOfFacts {
  return {
    severity: severityOf(row.severity),
    fixState: fixStateOf(row.fix_state),
    kev: row.is_kev,
    engine: engineOf(row.engine),
    decision: row.decision,
    isSuppressed: suppressing.has(row.decision ?? ''),
    firstSeenAt: row.first_seen_at,
    vulnerability: [row.canonical_id, ...row.aliases].map(originalText),
    package: {
      ...packageRefOf(row),
      language: row.language && originalText(row.language),
      distro: row.distro && originalText(row.distro),
    },
    digest: row.digest,
    platform: originalText(row.platform),
  }
}

function itemOf(row: AsOfRow, image: AsOfImageRow | undefined): FindingAsOf {
  return {
    id: publicFindingId('f', row.id),
    engine: engineOf(row.engine),
    vulnerability: originalText(row.canonical_id),
    package: packageRefOf(row),
    severity: severityOf(row.severity),
    fixState: fixStateOf(row.fix_state),
    kev: row.is_kev,
    decision: row.decision,
    firstSeenAt: row.first_seen_at.toISOString(),
    image: { digest: row.digest, references: (image?.references ?? []).map(originalText), workloads: image?.workloads ?? 0 },
  }
}
