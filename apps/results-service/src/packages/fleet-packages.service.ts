import { Injectable } from '@nestjs/common'
import {
  type FilterNode,
  filterOf,
  type FleetPackage,
  type FleetPackagePage,
  type Principal,
  printFilter,
  type QueryPackages,
} from '@pharos/contracts'
import { type VisibleRepositories, visibleRepositories } from '../access/repository-scope.js'
import { originalText } from '../inventory/stored-text.js'
import { FilterCompiler } from '../query/filter-compiler.js'
import { SqlParameters } from '../query/sql-parameters.js'
import { cappedCount, decodePosition, walkablePage } from '../query/walkable-page.js'
import { type FleetPackageQuery, type FleetPackageRow, FleetPackagesRepository, occurrenceLimit } from './fleet-packages.repository.js'
import { packageRefOf } from './package-view.js'

/** Lists the packages of all images that the caller may see. */
@Injectable()
export class FleetPackagesService {
  constructor(
    private readonly packages: FleetPackagesRepository,
    private readonly compiler: FilterCompiler,
  ) {}

  async list(query: QueryPackages, principal: Principal): Promise<FleetPackagePage> {
    const scope = visibleRepositories(principal)
    const ast = filterOf(query.filter, 'packages')
    const list = { list: 'fleet-packages', sort: JSON.stringify([query.sort, ast === null ? '' : printFilter(ast)]) }
    const position = decodePosition(list, query.cursor, ['text', 'int'])
    const isReversed = query.sort.startsWith('-') !== (position?.isBackward === true)
    const prepared = await this.prepare(ast, scope)
    const found = await this.packages.list(prepared, isReversed, position, query.limit + 1)
    const page = walkablePage(list, position, found, query.limit, (row) => [row.sort_name, row.id], fleetPackageOf)
    if (query.count !== 'true') return page
    return { ...page, count: cappedCount(await this.packages.count(prepared)) }
  }

  private async prepare(ast: FilterNode | null, scope: VisibleRepositories): Promise<FleetPackageQuery> {
    const parameters = SqlParameters.ofScope(scope)
    const { condition } = await this.compiler.compile(ast, 'packages', parameters, scope)
    return { parameters, condition }
  }
}

function fleetPackageOf(row: FleetPackageRow): FleetPackage {
  return {
    id: row.id,
    ...packageRefOf(row),
    distro: row.distro && originalText(row.distro),
    language: row.language && originalText(row.language),
    images: { count: row.image_count, isCapped: row.occurrence_count > occurrenceLimit },
    vulnerabilities: row.vulnerability_count,
  }
}
