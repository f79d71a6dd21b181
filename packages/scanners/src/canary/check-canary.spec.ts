import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Canary, exampleOf } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { scratchDirectory } from '../__tests__/fake-program.js'
import type { UnitMatcher, UnitMatches } from '../engine/unit-matcher.js'
import { builtInCanary } from './built-in-canary.js'
import { checkCanary } from './check-canary.js'
import { readCanary } from './read-canary.js'

const options = { limits: { timeoutMs: 1, memoryLimitBytes: 1, outputLimitBytes: 1 }, signal: new AbortController().signal }
const total = builtInCanary.expectations.length

interface Database {
  readonly isSample: boolean
  /** Whether the database describes the vulnerability of an expectation, and whether the expectation's package matches it. */
  readonly describes: (position: number) => boolean
  readonly matches: (position: number) => boolean
  readonly failed?: UnitMatches['failed']
  readonly namespace?: string
}

/** A matcher that answers as such a database would make it; only what the check reads is there. */
function matcherIn({ isSample, describes, matches, failed = [], namespace }: Database): UnitMatcher {
  const { expectations } = builtInCanary
  return {
    matchUnits: async (units: readonly { id: number }[]) => ({
      vulnerabilities: expectations.map((expectation) => ({ ...expectation, namespace: namespace ?? expectation.namespace })),
      matches: units.filter(({ id }) => matches(id)).map(({ id }) => ({ unitId: id, vulnerability: id })),
      failed,
      database: { isSample },
    }),
    describe: async () => expectations.map((_, position) => (describes(position) ? {} : null)),
  } as unknown as UnitMatcher
}

const all = (): boolean => true
const none = (): boolean => false

describe('the built-in canary', () => {
  it('passes when every vulnerability is found', async () => {
    const result = await checkCanary(matcherIn({ isSample: false, describes: all, matches: all }), '', options)
    expect(result).toEqual({ passed: true, missing: [], requiredCount: total })
  })

  it('asks a real database for everything, also for what it does not know', async () => {
    const result = await checkCanary(matcherIn({ isSample: false, describes: none, matches: (position) => position !== 3 }), '', options)
    expect(result).toEqual({
      passed: false,
      requiredCount: total,
      missing: [{ package: 'lodash', version: '4.17.20', vulnerability: 'GHSA-35jh-r3h4-6jhm', reason: null }],
    })
    expect((await checkCanary(matcherIn({ isSample: false, describes: none, matches: none }), '', options)).missing).toHaveLength(total)
  })

  it('asks a sample database for what it knows', async () => {
    const knows = (position: number): boolean => position < 2
    expect(await checkCanary(matcherIn({ isSample: true, describes: knows, matches: knows }), '', options)).toEqual({
      passed: true,
      missing: [],
      requiredCount: 2,
    })
    const missed = await checkCanary(matcherIn({ isSample: true, describes: knows, matches: (position) => position === 0 }), '', options)
    expect(missed).toMatchObject({ passed: false, missing: [{ version: '2.35-0ubuntu3.1' }] })
  })

  it('does not take the right id of the wrong source', async () => {
    const wrong = matcherIn({ isSample: false, describes: all, matches: all, namespace: 'github:language:rust' })
    expect((await checkCanary(wrong, '', options)).missing).toHaveLength(total)
  })

  it('fails when a package cannot be matched, in a sample database too', async () => {
    const broken = matcherIn({ isSample: true, describes: none, matches: none, failed: [{ id: 0, reason: 'no such table' }] })
    expect(await checkCanary(broken, '', options)).toMatchObject({
      passed: false,
      missing: [{ package: 'libc6', reason: 'no such table' }],
    })
  })

  it('gives way to a canary of its own, of which everything is asked', async () => {
    const matcher = matcherIn({ isSample: true, describes: none, matches: none })
    expect(await checkCanary(matcher, '', { ...options, canary: exampleOf(Canary) })).toMatchObject({ passed: false, requiredCount: 1 })
  })
})

describe('a canary file', () => {
  it('is read, or refused with the place', async () => {
    const path = join(await scratchDirectory(), 'canary.json')
    await writeFile(path, JSON.stringify(exampleOf(Canary)))
    expect(await readCanary(path)).toEqual(exampleOf(Canary))
    await writeFile(path, JSON.stringify({ expectations: [{ package: 'x' }] }))
    await expect(readCanary(path)).rejects.toThrow('expectations.0.version')
    await writeFile(path, '{')
    await expect(readCanary(path)).rejects.toThrow('cannot be read as JSON')
  })
})
