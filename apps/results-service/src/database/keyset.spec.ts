import { createHash } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { decodeCursor, encodeCursor, pageOfRows } from './keyset.js'
import { newId } from './identifier.js'

const list = { list: 'scans', sort: '-id' }

describe('keyset cursor', () => {
  it('gives back the values that it was made of', () => {
    expect(decodeCursor(list, encodeCursor(list, ['2026-01-01 00:00:00.123456+00', 7, 'x']), ['time', 'int', 'text'])).toEqual([
      '2026-01-01 00:00:00.123456+00',
      7,
      'x',
    ])
  })

  it.each([
    ['another list', encodeCursor({ list: 'images', sort: '-id' }, ['a'])],
    ['another order', encodeCursor({ list: 'scans', sort: 'id' }, ['a'])],
    ['nobody', 'abc.def'],
    ['somebody who changed it', `${Buffer.from('["b"]').toString('base64url')}.${encodeCursor(list, ['a']).split('.')[1] ?? ''}`],
  ])('of %s is refused', (_who, cursor) => {
    expect(() => decodeCursor(list, cursor, ['text'])).toThrow(expect.objectContaining({ code: 'cursor-invalid' }))
  })

  const uuid = '01a2b3c4-0000-4000-8000-000000000000'
  it.each([
    ['a text', 'text', 'x', [7, null, true, ['x'], {}, 'a\0b', '\ud800']],
    ['a number of eight bytes', 'int', '9223372036854775807', ['9223372036854775808', '1.5', 'x', '', 1.5, null, 2 ** 60, '1 or 1=1']],
    ['a code', 'code', 5, ['5', -1, 1.5, 40_000, null]],
    ['a number', 'number', 0.25, ['0.25', 1e300, 1e-300, null]],
    ['a UUID', 'uuid', uuid, ['', 7, null, `${uuid}0`, uuid.replaceAll('-', 'x')]],
    [
      'a moment',
      'time',
      '1970-01-01 00:00:00+00',
      [0, null, '', 'now', '2026-02-30T00:00:00Z', '2026-01-01T25:00:00Z', '2026-01-01', 'infinity'],
    ],
    ['a moment as JSON writes it', 'time', '2026-01-01T00:00:00.123Z', [`2026-01-01T00:00:00.123Z'`]],
  ] as const)('holds %s, and made up with anything else it is refused', (_what, type, right, wrong) => {
    expect(decodeCursor(list, encodeCursor(list, [right]), [type])).toEqual([right])
    for (const value of wrong)
      expect(() => decodeCursor(list, encodeCursor(list, [value as string]), [type]), JSON.stringify(value)).toThrow(
        expect.objectContaining({ code: 'cursor-invalid' }),
      )
  })

  it('with a right seal on what is no JSON is refused', () => {
    const payload = Buffer.from('no json').toString('base64url')
    const seal = createHash('sha256')
      .update(JSON.stringify([list.list, list.sort, payload]))
      .digest('base64url')
      .slice(0, 12)
    expect(() => decodeCursor(list, `${payload}.${seal}`, ['text'])).toThrow(expect.objectContaining({ code: 'cursor-invalid' }))
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
