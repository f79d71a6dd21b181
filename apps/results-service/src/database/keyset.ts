import { createHash } from 'node:crypto'
import { PharosError } from '@pharos/contracts'

/** Value of a sort column at the end of a page; timestamps go as text, since a Date would cut microseconds. */
export type KeysetValue = string | number | null

/** What a value of a cursor is: a `code` is a small number, a `time` a moment as PostgreSQL or JSON writes it. */
export type KeysetType = 'text' | 'int' | 'code' | 'number' | 'uuid' | 'time'

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

/**
 * Reads a cursor of this list; null without one. Throws `cursor-invalid` for one that this list has not made. The seal holds no
 * secret, so whoever makes one up is found out by the types of its values: the database would answer them with an error of its own.
 */
export function decodeCursor(list: KeysetList, cursor: string | undefined, types: readonly KeysetType[]): KeysetValue[] | null {
  if (cursor === undefined) return null
  const [payload = '', seal = ''] = cursor.split('.')
  if (seal !== sealOf(list, payload))
    throw new PharosError('cursor-invalid', 'Use the cursor of the former page with the same filters and order.')
  const values = valuesOf(payload)
  if (!Array.isArray(values) || values.length !== types.length || !types.every((type, at) => isOfType[type](values[at])))
    throw new PharosError('cursor-invalid', 'The cursor is of another version of this list.')
  return values as KeysetValue[]
}

function valuesOf(payload: string): unknown {
  try {
    return JSON.parse(Buffer.from(payload, 'base64url').toString())
  } catch {
    return null
  }
}

const largestInt = 2n ** 63n - 1n
const moment = /^(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d:\d\d)(?:\.\d{1,6})?(?:Z|[+-](?:0\d|1[0-4])(?::?[0-5]\d)?)$/

const isOfType: Readonly<Record<KeysetType, (value: unknown) => boolean>> = {
  // A NUL is refused by PostgreSQL, and half a surrogate pair has no bytes.
  text: (value) => typeof value === 'string' && !value.includes('\0') && !/\p{Surrogate}/u.test(value),
  int: (value) => Number.isSafeInteger(value) || (typeof value === 'string' && /^-?\d{1,19}$/.test(value) && isInt8(BigInt(value))),
  code: (value) => Number.isInteger(value) && Number(value) >= 0 && Number(value) < 2 ** 15,
  // What a real cannot hold is refused by PostgreSQL, too small as well as too large.
  number: (value) => typeof value === 'number' && Number.isFinite(Math.fround(value)) && (value === 0 || Math.fround(value) !== 0),
  uuid: (value) => typeof value === 'string' && /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i.test(value),
  time: (value) => typeof value === 'string' && isMoment(value),
}

function isInt8(value: bigint): boolean {
  return value <= largestInt && value >= -largestInt
}

function isMoment(value: string): boolean {
  const [, day = '', time = ''] = moment.exec(value) ?? []
  const read = new Date(`${day}T${time}Z`)
  // A day that no month has would be taken for one of the next month.
  return !Number.isNaN(read.getTime()) && read.toISOString().startsWith(day)
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
