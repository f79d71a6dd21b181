import type { EnricherOutcome } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { changesOf, type StoredContext } from './context-changes.js'

const good = (enricher: string, data: Record<string, unknown>): EnricherOutcome => ({
  ok: true,
  enricher,
  data,
  prints: [],
  steps: 1,
  ms: 1,
})
const error = { kind: 'steps' as const, engine: 'starlark', script: 'o.star', message: 'too many' }
const bad = (enricher: string): EnricherOutcome => ({ ok: false, enricher, error, prints: [], ms: 1 })
const stored = (owner: string, data: Record<string, unknown> | null): StoredContext => ({ owner, data, error: null })

describe('what outcomes do to stored contexts', () => {
  it.each([
    ['a first good outcome adds', [], [good('o', { a: 1 })], [['o', 'added', null, { a: 1 }]]],
    ['another one changes', [stored('o', { a: 1 })], [good('o', { a: 2 })], [['o', 'changed', { a: 1 }, { a: 2 }]]],
    [
      'the order of keys changes nothing',
      [stored('o', { a: 1, b: [2] })],
      [good('o', { b: [2], a: 1 })],
      [['o', 'unchanged', { a: 1, b: [2] }, { b: [2], a: 1 }]],
    ],
    [
      'a negative zero, which JSON does not know, changes nothing',
      [stored('o', { a: 0 })],
      [good('o', { a: -0 })],
      [['o', 'unchanged', { a: 0 }, { a: -0 }]],
    ],
    ['a failed enricher keeps the last good data', [stored('o', { a: 1 })], [bad('o')], [['o', 'failed', { a: 1 }, { a: 1 }]]],
    ['one that has never succeeded has none', [], [bad('o')], [['o', 'failed', null, null]]],
    ['after failures only, the first good outcome adds', [stored('o', null)], [good('o', {})], [['o', 'added', null, {}]]],
    [
      'a context whose enricher is not in the set any more goes',
      [stored('o', { a: 1 })],
      [good('p', {})],
      [
        ['o', 'removed', { a: 1 }, null],
        ['p', 'added', null, {}],
      ],
    ],
    ['of one that never succeeded nobody misses anything', [stored('o', null)], [], [['o', 'unchanged', null, null]]],
  ])('%s', (_sentence, before, outcomes, expected) => {
    expect(changesOf(before, outcomes).map(({ owner, kind, before: was, after }) => [owner, kind, was, after])).toEqual(expected)
  })
})
