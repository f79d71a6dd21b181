import type { FindingStanding } from '@pharos/contracts'
import { describe, expect, it } from 'vitest'
import { type ComparedFinding, countDifferences, differenceOfFinding, differencesOfPackages } from './difference.js'

const standing = (change: Partial<FindingStanding> = {}): FindingStanding => ({
  severity: 'high',
  fixState: 'fixed',
  kev: false,
  decision: null,
  ...change,
})
const at = (hour: number) => new Date(Date.UTC(2026, 10, 24, hour))
const found = { type: 'deb', name: 'tar', version: '1.0', purl: null }
const causes = {
  flip: { cause: 'database', at: at(1) },
  facts: { cause: 'engine', at: at(2) },
  decision: { cause: 'vex', at: at(3) },
} as const

function difference(
  before: FindingStanding | null,
  after: FindingStanding | null,
  given: Partial<ComparedFinding['causes']> = causes,
): string | null {
  const all = { flip: null, facts: null, decision: null, ...given }
  const placed = differenceOfFinding({ id: 'f_1', vulnerability: 'CVE-1', package: found, engine: 'grype', before, after, causes: all })
  return placed === null ? null : `${placed.difference.change} ${placed.difference.cause}`
}

describe('the difference of a finding', () => {
  it.each([
    ['opened', null, standing(), 'added database'],
    ['closed', standing(), null, 'removed database'],
    ['was rated otherwise', standing(), standing({ severity: 'low' }), 'changed engine'],
    ['was fixed otherwise', standing(), standing({ fixState: 'wont-fix' }), 'changed engine'],
    ['was listed as exploited', standing(), standing({ kev: true }), 'changed engine'],
    ['was suppressed', standing(), standing({ decision: 'accepted' }), 'removed vex'],
    ['is suppressed no longer', standing({ decision: 'fixed' }), standing(), 'added vex'],
    ['got a decision that suppresses nothing', standing(), standing({ decision: 'in_triage' }), 'changed vex'],
    ['was suppressed and then closed', standing({ decision: 'accepted' }), null, null],
    ['was not there at all', null, null, null],
    ['is the same', standing(), standing(), null],
    ['stayed suppressed, rated otherwise', standing({ decision: 'accepted' }), standing({ decision: 'accepted', severity: 'low' }), null],
  ])('that %s', (_sentence, before, after, expected) => {
    expect(difference(before, after)).toBe(expected)
  })

  it('that opened and lost its suppression has the later cause', () => {
    expect(difference(null, standing({ decision: null }), { ...causes, decision: null })).toBe('added database')
    expect(difference(standing({ decision: 'accepted' }), standing(), causes)).toBe('added vex')
  })

  it('that was closed and opened again with other facts has the cause of the opening', () => {
    expect(difference(standing(), standing({ severity: 'low' }), { flip: causes.flip })).toBe('changed database')
  })

  it('without a known cause is of the image', () => {
    expect(difference(null, standing(), {})).toBe('added image')
  })
})

describe('differences of packages of a name', () => {
  const version = (text: string) => ({ ...found, version: text })
  const differences = (before: string[], after: string[]) =>
    differencesOfPackages({ type: 'deb', name: 'tar', before: before.map(version), after: after.map(version), cause: 'image', at: null })

  it.each([
    ['one version for another', ['1'], ['2'], ['changed 1 2']],
    ['one of several for another', ['1', '3'], ['2', '3'], ['changed 1 2']],
    ['one for two', ['1'], ['2', '3'], ['removed 1 -', 'added - 2', 'added - 3']],
    ['a version twice', ['1', '1'], ['1'], []],
    ['a package that came', [], ['1'], ['added - 1']],
    ['a package that went', ['1'], [], ['removed 1 -']],
  ])('%s', (_sentence, before, after, expected) => {
    const told = differences(before, after).map(({ difference: item }) =>
      item.subject === 'package' ? `${item.change} ${item.before?.version ?? '-'} ${item.after?.version ?? '-'}` : '',
    )
    expect(told).toEqual(expected)
  })

  it('have keys of their own, and are counted', () => {
    const all = differences(['1'], ['2', '3'])
    expect(new Set(all.map(({ key }) => key)).size).toBe(3)
    expect(countDifferences(all)).toEqual({
      packages: { added: 2, removed: 1, changed: 0 },
      findings: { added: 0, removed: 0, changed: 0 },
    })
  })
})
