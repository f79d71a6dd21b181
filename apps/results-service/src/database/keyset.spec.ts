import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, pageOfRows } from './keyset.js'
import { newId } from './identifier.js'

const list = { list: 'scans', sort: '-id' }

describe('keyset cursor', () => {
  it('gives back the values that it was made of', () => {
    expect(decodeCursor(list, encodeCursor(list, ['2026-01-01 00:00:00.123456', 7, null]), 3)).toEqual([
      '2026-01-01 00:00:00.123456',
      7,
      null,
    ])
  })

  it.each([
    ['another list', encodeCursor({ list: 'images', sort: '-id' }, ['a'])],
    ['another order', encodeCursor({ list: 'scans', sort: 'id' }, ['a'])],
    ['nobody', 'abc.def'],
    ['somebody who changed it', `${Buffer.from('["b"]').toString('base64url')}.${encodeCursor(list, ['a']).split('.')[1] ?? ''}`],
  ])('of %s is refused', (_who, cursor) => {
    expect(() => decodeCursor(list, cursor, 1)).toThrow(expect.objectContaining({ code: 'cursor-invalid' }))
  })

  it('names a next page exactly if there are more rows than asked for', () => {
    const page = (found: number[]) =>
      pageOfRows(
        list,
        found,
        2,
        (row) => [row],
        (row) => row,
      )
    expect(page([1, 2])).toEqual({ items: [1, 2], nextCursor: null })
    expect(page([1, 2, 3])).toEqual({ items: [1, 2], nextCursor: encodeCursor(list, [2]) })
  })
})

describe('newId', () => {
  it('grows strictly, also within one millisecond', () => {
    const ids = Array.from({ length: 10_000 }, () => newId(1_790_000_000_000))
    expect(ids).toEqual([...ids].sort())
    expect(new Set(ids).size).toBe(10_000)
    expect(ids[0]).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/)
  })
})
