import { describe, expect, it } from 'vitest'
import { diffFindings, type ReportedFinding, type StoredFinding } from './finding-diff.js'

const facts = { packageId: 1, vulnerabilityId: 1, matchId: 1, severity: 3, fixState: 1, risk: 2.5, isKev: false }
const reported = (change: Partial<ReportedFinding> = {}): ReportedFinding => ({
  ...facts,
  occurrence: 'o1',
  groupId: 1,
  groupSeed: 'CVE-1',
  ...change,
})
const stored = (change: Partial<StoredFinding> = {}): StoredFinding => ({
  ...facts,
  id: 'f1',
  occurrence: 'o1',
  groupId: 1,
  isOpen: true,
  isSuppressed: false,
  lastSeenAt: null,
  ...change,
})

describe('the difference a report makes', () => {
  it('is nothing when it shows what is stored', () => {
    const diff = diffFindings([reported()], [stored()], true)
    expect(diff).toMatchObject({ appeared: [], reopened: [], changed: [], gone: [], unseen: [] })
    expect(diff.open).toHaveLength(1)
  })

  it('a whole result closes what it does not show, a partial one only stops seeing it', () => {
    expect(diffFindings([], [stored()], true)).toMatchObject({ gone: [{ id: 'f1' }], open: [] })
    expect(diffFindings([], [stored()], false)).toMatchObject({ gone: [], unseen: [{ id: 'f1' }], open: [{ severity: 3 }] })
  })

  it('opens a gone finding again under its id', () => {
    expect(diffFindings([reported()], [stored({ isOpen: false, lastSeenAt: '2026-01-01' })], true).reopened[0]?.stored.id).toBe('f1')
  })

  it('a move of the risk is no change of the finding, another match is one but no news, a new severity is news', () => {
    expect(diffFindings([reported({ risk: 3 })], [stored()], true).changed).toEqual([])
    expect(diffFindings([reported({ matchId: 2 })], [stored()], true).changed[0]?.isNews).toBe(false)
    expect(diffFindings([reported({ severity: 4 })], [stored()], true).changed[0]?.isNews).toBe(true)
  })

  it('leaves a suppressed finding suppressed, whether a report shows it, opens it again or is only partial', () => {
    const suppressed = stored({ isSuppressed: true })
    const counts = ({ open, suppressed }: ReturnType<typeof diffFindings>): number[] => [open.length, suppressed.length]
    expect(counts(diffFindings([reported()], [suppressed], true))).toEqual([0, 1])
    expect(counts(diffFindings([reported()], [{ ...suppressed, isOpen: false }], true))).toEqual([0, 1])
    expect(counts(diffFindings([], [suppressed], false))).toEqual([0, 1])
    expect(counts(diffFindings([], [stored()], false))).toEqual([1, 0])
    expect(counts(diffFindings([reported()], [], true))).toEqual([1, 0])
  })

  it('several matches of a place and group are one finding, the riskiest', () => {
    const diff = diffFindings([reported({ vulnerabilityId: 7, risk: 1 }), reported({ vulnerabilityId: 8, risk: 9 })], [], true)
    expect(diff.appeared.map((finding) => finding.vulnerabilityId)).toEqual([8])
  })

  it('of two stored findings whose groups merged one stays', () => {
    const diff = diffFindings([reported()], [stored({ id: 'f2' }), stored()], true)
    expect(diff.duplicates.map((finding) => finding.id)).toEqual(['f2'])
    expect(diff.open).toHaveLength(1)
  })
})
