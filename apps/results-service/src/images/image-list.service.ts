import { Injectable } from '@nestjs/common'
import {
  compare,
  filterField,
  type FilterFieldName,
  type FilterNode,
  filterOf,
  type ImagePage,
  joinFilters,
  type ListImagesQuery,
  PharosError,
  type Principal,
  printFilter,
} from '@pharos/contracts'
import { type VisibleRepositories, visibleRepositories } from '../access/repository-scope.js'
import { likeOfSearch } from '../inventory/text-pattern.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { cappedCount, decodePosition, walkablePage } from '../query/walkable-page.js'
import { imageSummaryOf } from './image-mapping.js'
import { ImageVerdicts } from './image-verdicts.js'
import { imageCursorTypes, type ImageListQuery, ImagesRepository } from './images.repository.js'

/** Lists images. */
@Injectable()
export class ImageListService {
  constructor(
    private readonly images: ImagesRepository,
    private readonly compiler: FilterCompiler,
    private readonly verdicts: ImageVerdicts,
  ) {}

  async list(query: ListImagesQuery, principal: Principal): Promise<ImagePage> {
    const scope = visibleRepositories(principal)
    const ast = filterOfParameters(query)
    const list = { list: 'images', sort: JSON.stringify([query.sort, query.search, ast === null ? '' : printFilter(ast)]) }
    const position = decodePosition(list, query.cursor, imageCursorTypes(query.sort))
    const prepared = await this.prepare(ast, query, scope)
    const found = await this.images.list(prepared, query.sort, position, query.limit + 1)
    const summaries = await this.images.summaries(found.map(({ id }) => id))
    const page = walkablePage(
      list,
      position,
      found,
      query.limit,
      (row) => [row.sort_key ?? null, row.id],
      (row) => imageSummaryOf(row, summaries.get(row.id) ?? [], this.verdicts.of(row, summaries.get(row.id) ?? [])),
    )
    if (query.count !== 'true') return page
    return { ...page, count: cappedCount(await this.images.count(prepared)) }
  }

  private async prepare(ast: FilterNode | null, { search }: ListImagesQuery, scope: VisibleRepositories): Promise<ImageListQuery> {
    const parameters = SqlParameters.ofScope(scope)
    const { condition } = await this.compiler.compile(ast, 'images', parameters, scope)
    return { parameters, condition, search: search === undefined ? null : await this.images.search(likeOfSearch(search), scope) }
  }
}

/** The filter, and the images with an open finding of the severities that were asked for beside it. */
function filterOfParameters({ filter, severity }: ListImagesQuery): FilterNode | null {
  const conditions: FilterNode[] = []
  const given = filterOf(filter, 'images')
  if (given !== null) conditions.push(given)
  if (severity !== undefined) conditions.push(joinFilters('or', severity.split(',').map(ofSeverity)))
  return conditions.length === 0 ? null : joinFilters('and', conditions)
}

function ofSeverity(item: string): FilterNode {
  const name = item.trim()
  if (filterField('severity').values?.includes(name) !== true)
    throw new PharosError('filter-invalid', `severity: "${name.slice(0, 50)}" is not known.`)
  return compare(name as FilterFieldName, '>', 0)
}
