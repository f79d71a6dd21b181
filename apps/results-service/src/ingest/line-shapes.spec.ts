import { describe, expect, it } from 'vitest'
import { LineShapes } from './line-shapes.js'

const bytes = (text: string): Buffer => Buffer.from(text)
const line = (value: unknown): Buffer => bytes(JSON.stringify(value))

function shapesOf(...accepted: unknown[]): LineShapes {
  const shapes = new LineShapes(4)
  for (const value of accepted) shapes.accept(line(value))
  return shapes
}

describe('LineShapes', () => {
  const accepted = { name: 'tar', fixes: ['1.0'], count: 1, date: null, any: { a: 'b' } }

  it('knows a document that differs in what its strings hold', () => {
    const shapes = shapesOf(accepted)
    expect(shapes.has(line({ name: '', fixes: ['ü, {'], count: 1, date: null, any: { a: 'a very much longer one: ][}{,' } }))).toBe(true)
  })

  it.each([
    ['a field of another name', { ...accepted, any: { c: 'b' } }],
    ['another number', { ...accepted, count: 2 }],
    ['a text in place of null', { ...accepted, date: 'x' }],
    ['one more element', { ...accepted, fixes: ['1.0', '1.1'] }],
    ['one element less', { ...accepted, fixes: [] }],
    ['a field more', { ...accepted, more: 'x' }],
    ['a field less', { name: 'tar', fixes: ['1.0'], count: 1, date: null }],
    ['fields in another order', { fixes: ['1.0'], name: 'tar', count: 1, date: null, any: { a: 'b' } }],
    ['an escape in a string', { ...accepted, name: 'a"b' }],
    ['characters that mean something to a pattern', { ...accepted, any: { '.': 'b' } }],
  ])('does not know a document with %s', (_what, value) => {
    expect(shapesOf(accepted).has(line(value))).toBe(false)
  })

  it.each([
    ['cut off in a string', '{"a":"b'],
    ['cut off behind a string', '{"a":"b"'],
    ['with more behind it', '{"a":"b"}}'],
    ['with a control character in a string', '{"a":"b\u0001"}'],
    ['with an escape that JSON does not have', '{"a":"\\x"}'],
    ['of nothing', ''],
    ['with a line end behind it', '{"a":"b"}\n'],
  ])('does not know a document %s', (_what, text) => {
    expect(shapesOf({ a: 'b' }).has(bytes(text))).toBe(false)
  })

  it('takes names and numbers as they stand, whatever they mean to a pattern', () => {
    const shapes = shapesOf({ '.*': ['x'], n: 1.5 })
    expect(shapes.has(line({ '.*': ['y'], n: 1.5 }))).toBe(true)
    expect(shapes.has(line({ ab: ['y'], n: 1.5 }))).toBe(false)
    expect(shapes.has(line({ '.*': ['y'], n: 125 }))).toBe(false)
  })

  it('takes no shape from a document with an escape', () => {
    const shapes = shapesOf({ a: 'x"y' })
    expect(shapes.has(line({ a: 'x"y' }))).toBe(false)
    expect(shapes.has(line({ a: 'x' }))).toBe(false)
  })

  it('keeps the shapes that were met last', () => {
    const shapes = new LineShapes(2)
    for (const value of [{ a: '' }, { b: '' }]) shapes.accept(line(value))
    expect(shapes.has(line({ a: 'met again' }))).toBe(true)
    shapes.accept(line({ c: '' }))
    expect(shapes.has(line({ b: '' }))).toBe(false)
    expect(shapes.has(line({ a: '' }))).toBe(true)
    expect(shapes.has(line({ c: '' }))).toBe(true)
  })
})
