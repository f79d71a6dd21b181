import { Injectable } from '@nestjs/common'
import { filterOf, type FilterResource, type Principal, printFilter } from '@pharos/contracts'
import { visibleRepositories } from '../access/repository-scope.js'
import type { KeysetType, KeysetValue } from '../database/keyset.js'
import { FilterCompiler } from './filter-compiler.js'
import type { FleetQuery } from './fleet-query.js'
import { SqlParameters } from './sql-parameters.js'
import { cappedCount, decodePosition, walkablePage, type WalkablePage, type WalkPosition } from './walkable-page.js'

/** A list in one order, which `-` turns round. */
export interface FleetList<R, T> {
  /** Name of the list, as its cursors know it. */
  readonly name: string
  readonly resource: FilterResource
  /** What the values are that `keyOf` gives. */
  readonly cursorTypes: readonly KeysetType[]
  readonly keyOf: (row: R) => readonly KeysetValue[]
  readonly toItem: (row: R) => T
  readonly read: (query: FleetQuery, isReversed: boolean, position: WalkPosition | null, limit: number) => Promise<R[]>
  /** Counts up to one more than the limit of counts. */
  readonly count: (query: FleetQuery) => Promise<number>
}

interface ListRequest {
  readonly filter?: string | undefined
  readonly sort: string
  readonly cursor?: string | undefined
  readonly limit: number
  readonly count: 'true' | 'false'
}

/** Answers lists of the fleet that have one order: reads the filter and the cursor, cuts the page, counts when asked to. */
@Injectable()
export class FleetListService {
  constructor(private readonly compiler: FilterCompiler) {}

  async page<R, T>(list: FleetList<R, T>, query: ListRequest, principal: Principal): Promise<WalkablePage<T>> {
    const scope = visibleRepositories(principal)
    const ast = filterOf(query.filter, list.resource)
    const key = { list: list.name, sort: JSON.stringify([query.sort, ast === null ? '' : printFilter(ast)]) }
    const position = decodePosition(key, query.cursor, list.cursorTypes)
    const parameters = SqlParameters.ofScope(scope)
    const { condition } = await this.compiler.compile(ast, list.resource, parameters, scope)
    const prepared = { parameters, condition }
    const isReversed = query.sort.startsWith('-') !== (position?.isBackward === true)
    const found = await list.read(prepared, isReversed, position, query.limit + 1)
    const page = walkablePage(key, position, found, query.limit, list.keyOf, list.toItem)
    return query.count === 'true' ? { ...page, count: cappedCount(await list.count(prepared)) } : page
  }
}
