import { describe, expect, it } from 'vitest'
import { StatementCache } from './statement-cache.js'
import type { StoredStatement } from './vex-matches.repository.js'

const statement = (id: string, ids: number): StoredStatement => ({
  id,
  documentId: 'd',
  status: 'fixed',
  products: [{ ids: Array.from({ length: ids }, (_, number) => `pkg:npm/p${number}`), subcomponents: [] }],
  origin: { author: null, uploadedBy: 'user:admin', uploaderRoles: ['admin'], repositories: null },
})

describe('StatementCache', () => {
  it('keeps what was used last, up to its limit', () => {
    const cache = new StatementCache()
    for (const key of ['a', 'b', 'c']) cache.add(key, statement(key, 90_000))
    expect(cache.get('a')?.statement.id).toBe('a')
    cache.add('d', statement('d', 90_000))
    expect(['a', 'b', 'c', 'd'].filter((key) => cache.get(key) !== undefined)).toEqual(['a', 'c', 'd'])
  })

  it('keeps one that is larger than the limit until the next', () => {
    const cache = new StatementCache()
    cache.add('a', statement('a', 400_000))
    expect(cache.get('a')).toBeDefined()
    cache.add('b', statement('b', 1))
    expect(cache.get('a')).toBeUndefined()
    expect(cache.get('b')).toBeDefined()
  })
})
