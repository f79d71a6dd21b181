import { createHash } from 'node:crypto'
import { PharosError } from '@pharos/contracts'

/** Value of a sort column at the end of a page; timestamps go as text, since a Date would cut microseconds. */
export type KeysetValue = string | number | null

/** Which list in which order a cursor belongs to: it is refused by any other. */
export interface KeysetList {
  /** Name of the list, e.g. `scans`. */
  readonly list: string
  /** Order and filters that the cursor depends on, e.g. `-risk`. */
  readonly sort: string
}

/** One page and the cursor of the next. */
export interface Page<T> {
  readonly items: T[]
  readonly nextCursor: string | null
}

function sealOf({ list, sort }: KeysetList, payload: string): string {
  return createHash('sha256')
    .update(JSON.stringify([list, sort, payload]))
    .digest('base64url')
    .slice(0, 12)
}

/** Makes an opaque cursor of the last row's sort values. */
export function encodeCursor(list: KeysetList, values: readonly KeysetValue[]): string {
  const payload = Buffer.from(JSON.stringify(values)).toString('base64url')
  return `${payload}.${sealOf(list, payload)}`
}

/** Reads a cursor of this list; null without one. Throws `cursor-invalid` for one that this list has not made. */
export function decodeCursor(list: KeysetList, cursor: string | undefined, length: number): KeysetValue[] | null {
  if (cursor === undefined) return null
  const [payload = '', seal = ''] = cursor.split('.')
  if (seal !== sealOf(list, payload))
    throw new PharosError('cursor-invalid', 'Use the cursor of the former page with the same filters and order.')
  const values: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString())
  if (!Array.isArray(values) || values.length !== length)
    throw new PharosError('cursor-invalid', 'The cursor is of another version of this list.')
  return values as KeysetValue[]
}

/** Cuts a page of the rows: ask the database for `limit + 1` of them. */
export function pageOfRows<R, T>(
  list: KeysetList,
  found: readonly R[],
  limit: number,
  keyOf: (row: R) => readonly KeysetValue[],
  toItem: (row: R) => T,
): Page<T> {
  const shown = found.slice(0, limit)
  const last = found.length > limit ? shown.at(-1) : undefined
  return { items: shown.map(toItem), nextCursor: last === undefined ? null : encodeCursor(list, keyOf(last)) }
}
