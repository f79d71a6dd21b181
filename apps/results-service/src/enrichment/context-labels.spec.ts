import { describe, expect, it } from 'vitest'
import { labelsOf } from './context-labels.js'

describe('labels of a context', () => {
  it.each([
    [
      'texts, numbers and booleans are values',
      { team: 'payments', tier: 1, critical: true },
      ['o.team=payments', 'o.tier=1', 'o.critical=true'],
    ],
    ['null is no value', { team: null }, []],
    ['keys of nested maps are joined', { a: { b: { c: 'x' } } }, ['o.a.b.c=x']],
    ['each scalar of a list is one, the same one once', { tags: ['x', 'y', 'x'] }, ['o.tags=x', 'o.tags=y']],
    ['a list of maps gives the values of each', { owners: [{ name: 'ana' }, { name: 'bob' }] }, ['o.owners.name=ana', 'o.owners.name=bob']],
    ['a key with dots keeps them', { 'app.kubernetes.io/name': 'web' }, ['o.app.kubernetes.io/name=web']],
    ['what PostgreSQL refuses is escaped', { note: 'a\0b' }, ['o.note=a\uE0000b']],
    ['values too long for an index are left out', { long: 'x'.repeat(501), short: 'y' }, ['o.short=y']],
  ])('%s', (_sentence, data: Record<string, unknown>, expected) => {
    expect(labelsOf('o', data).map(({ name, value }) => `${name}=${value}`)).toEqual(expected)
  })

  it('are at most a hundred, however large and deep the context', () => {
    const wide = Object.fromEntries(Array.from({ length: 5000 }, (_value, index) => [`k${index}`, index]))
    expect(labelsOf('o', wide)).toHaveLength(100)
    let deep: Record<string, unknown> = { leaf: 1 }
    for (let depth = 0; depth < 5000; depth += 1) deep = { d: deep }
    expect(labelsOf('o', deep)).toEqual([])
  })
})
