import { type CappedCount, PharosError } from '@pharos/contracts'
import { decodeCursor, encodeCursor, type KeysetList, type KeysetType, type KeysetValue } from '../database/keyset.js'
import type { SqlParameters } from './sql-parameters.js'

/** Where a page begins: behind a row, in the order of the list or against it. */
export interface WalkPosition {
  readonly values: readonly KeysetValue[]
  readonly isBackward: boolean
}

/** A page that can be walked in both directions. */
export interface WalkablePage<T> {
  readonly items: T[]
  readonly nextCursor: string | null
  readonly prevCursor: string | null
  readonly count?: CappedCount
}

/** Rows are counted up to this. */
export const countLimit = 10_000

/** Reads a cursor of this list. Throws `cursor-invalid`. */
export function decodePosition(list: KeysetList, cursor: string | undefined, types: readonly KeysetType[]): WalkPosition | null {
  const values = decodeCursor(list, cursor, ['text', ...types])
  if (values === null) return null
  const [direction, ...rest] = values
  if (direction !== 'prev' && direction !== 'next')
    throw new PharosError('cursor-invalid', 'The cursor is of another version of this list.')
  return { isBackward: direction === 'prev', values: rest }
}

/** Cuts a page of `limit + 1` rows that were read from `position`, in the direction that it has. */
export function walkablePage<R, T>(
  list: KeysetList,
  position: WalkPosition | null,
  found: readonly R[],
  limit: number,
  keyOf: (row: R) => readonly KeysetValue[],
  toItem: (row: R) => T,
): WalkablePage<T> {
  const isBackward = position?.isBackward === true
  const hasMore = found.length > limit
  const shown = isBackward ? found.slice(0, limit).reverse() : found.slice(0, limit)
  const cursor = (direction: 'next' | 'prev', row: R | undefined): string | null =>
    row === undefined ? null : encodeCursor(list, [direction, ...keyOf(row)])
  return {
    items: shown.map(toItem),
    nextCursor: isBackward || hasMore ? cursor('next', shown.at(-1)) : null,
    prevCursor: isBackward ? (hasMore ? cursor('prev', shown[0]) : null) : position === null ? null : cursor('prev', shown[0]),
  }
}

/** The count of rows that were read up to one more than the limit. */
export function cappedCount(counted: number, limit = countLimit): CappedCount {
  return { count: Math.min(counted, limit), isCapped: counted > limit }
}

/** A column of an order. */
export interface OrderColumn {
  readonly sql: string
  readonly type: string
  readonly isDescending: boolean
}

/** The order as SQL, against its direction when reversed. */
export function orderBy(columns: readonly OrderColumn[], isReversed: boolean): string {
  return columns.map(({ sql, isDescending }) => `${sql} ${isDescending === isReversed ? 'asc' : 'desc'}`).join(', ')
}

/** SQL condition: the row stands behind `values` in the order, which may mix directions. */
export function behind(
  columns: readonly OrderColumn[],
  isReversed: boolean,
  values: readonly KeysetValue[],
  parameters: SqlParameters,
): string {
  const [column, ...rest] = columns
  if (column === undefined) return 'false'
  const value = parameters.add(values[0] ?? null, column.type)
  const operator = column.isDescending === isReversed ? '>' : '<'
  if (rest.length === 0) return `${column.sql} ${operator} ${value}`
  // The first part alone bounds the index that serves the order.
  return `${column.sql} ${operator}= ${value} and (${column.sql} ${operator} ${value} or ${behind(rest, isReversed, values.slice(1), parameters)})`
}
