import { Injectable } from '@nestjs/common'
import {
  type FilterNode,
  filterOf,
  type Finding,
  type FindingPage,
  hasRole,
  type ListFindingsQuery,
  type Principal,
  printFilter,
  type QueryFindings,
} from '@pharos/contracts'
import { type VisibleRepositories, visibleRepositories } from '../access/repository-scope.js'
import { ImageLocator, type LocatedImage } from '../images/image-locator.js'
import { cappedCount, decodePosition, walkablePage } from '../query/walkable-page.js'
import { filterOfParameters } from './finding-filter.js'
import { FindingSelections } from './finding-selection.js'
import { findingOf } from './finding-view.js'
import { cursorTypes, cursorValues } from './finding-walk.js'
import { FindingsRepository } from './findings.repository.js'

const firstFindings = 100

/** Who asks, as far as a list depends on it. */
interface Caller {
  readonly scope: VisibleRepositories
  readonly allowed: NonNullable<Finding['allowed']>
}

type ListRequest = Pick<ListFindingsQuery, 'sort' | 'cursor' | 'limit' | 'count'>

/** Lists findings of vulnerabilities: of one image, or of all that the caller may see. */
@Injectable()
export class FindingsService {
  constructor(
    private readonly findings: FindingsRepository,
    private readonly selections: FindingSelections,
    private readonly locator: ImageLocator,
  ) {}

  async list(digest: string, query: ListFindingsQuery, principal: Principal): Promise<FindingPage> {
    const caller = callerOf(principal)
    const image = await this.locator.locate(digest, caller.scope)
    return this.page(filterOfParameters(query), query, caller, image)
  }

  async query(query: QueryFindings, principal: Principal): Promise<FindingPage> {
    return this.page(filterOf(query.filter, 'findings'), query, callerOf(principal))
  }

  /** The first 100 open findings of an image by risk. */
  async top(digest: string, scope: VisibleRepositories): Promise<Finding[]> {
    const image = await this.locator.locate(digest, scope)
    const query: ListRequest = { limit: firstFindings, sort: '-risk', count: 'false' }
    return (await this.page(filterOfParameters({ state: 'open' }), query, { scope, allowed: [] }, image)).items
  }

  private async page(ast: FilterNode | null, query: ListRequest, caller: Caller, image?: LocatedImage): Promise<FindingPage> {
    const list = { list: 'findings', sort: JSON.stringify([image?.digest, ast === null ? '' : printFilter(ast), query.sort]) }
    const position = decodePosition(list, query.cursor, cursorTypes(query.sort))
    const selection = await this.selections.prepare(ast, caller.scope, image)
    const chosen = await this.findings.choose(selection, query.sort, position, query.limit + 1)
    const page = walkablePage(
      list,
      position,
      chosen,
      query.limit,
      (row) => cursorValues(query.sort, row),
      (row) => row,
    )
    const [details, images] = await Promise.all([
      this.findings.details(page.items.map(({ id }) => id)),
      this.findings.images([...new Set(page.items.map((row) => row.image_id))], caller.scope),
    ])
    const byId = new Map(details.map((row) => [row.id, row]))
    // A finding whose image was removed since it was chosen is left out.
    const items = page.items.flatMap(({ id }) => byId.get(id) ?? []).map((row) => findingOf(row, images.get(row.image_id), caller.allowed))
    const count = query.count === 'true' ? { count: cappedCount(await this.findings.count(selection)) } : {}
    return { ...page, items, ...count }
  }
}

function callerOf(principal: Principal): Caller {
  return { scope: visibleRepositories(principal), allowed: hasRole(principal.roles, 'triager') ? ['decide'] : [] }
}
