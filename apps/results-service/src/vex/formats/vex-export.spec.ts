import { describe, expect, it } from 'vitest'
import { type ExportedDecision, imagePurls, onePerPackage } from './vex-export.js'

const decision = (change: Partial<ExportedDecision>): ExportedDecision => ({
  vulnerability: 'CVE-1',
  aliases: [],
  image: { digest: `sha256:${'a'.repeat(64)}`, repositories: ['registry.example/shop'] },
  package: { purl: 'pkg:npm/a@1', name: 'a', version: '1' },
  status: 'fixed',
  justification: null,
  impactStatement: null,
  comment: null,
  response: [],
  original: null,
  at: new Date('2026-11-24T08:00:00.000Z'),
  ...change,
})

describe('decisions about one package in several places', () => {
  it.each([
    [['fixed', 'affected'], 'affected'],
    [['not_affected', 'in_triage', 'fixed'], 'in_triage'],
    [['false_positive', 'accepted'], 'accepted'],
  ] as const)('%j go out as the one that leaves more open: %s', (statuses, expected) => {
    const decisions = statuses.map((status) => decision({ status }))
    expect(onePerPackage(decisions).map(({ status }) => status)).toEqual([expected])
    expect(onePerPackage([...decisions].reverse()).map(({ status }) => status)).toEqual([expected])
  })

  it('that leave the same open go out as the newest', () => {
    const older = decision({ comment: 'older', at: new Date('2026-11-23T08:00:00.000Z') })
    expect(onePerPackage([older, decision({ comment: 'newer' })])).toMatchObject([{ comment: 'newer' }])
    expect(onePerPackage([decision({ comment: 'newer' }), older])).toMatchObject([{ comment: 'newer' }])
  })

  it('stay apart by vulnerability, image and purl', () => {
    const others = [
      decision({ vulnerability: 'CVE-2' }),
      decision({ image: { digest: `sha256:${'b'.repeat(64)}`, repositories: [] } }),
      decision({ package: { purl: 'pkg:npm/a@2', name: 'a', version: '2' } }),
    ]
    expect(onePerPackage([decision({}), ...others])).toHaveLength(4)
  })
})

describe('purls of an image', () => {
  it('are one for each repository, with its whole path', () => {
    const digest = `sha256:${'a'.repeat(64)}`
    expect(imagePurls({ digest, repositories: ['registry.example:5000/team a/Shop', 'docker.io/library/alpine'] })).toEqual([
      `pkg:oci/shop@${digest}?repository_url=registry.example:5000/team%20a/Shop`,
      `pkg:oci/alpine@${digest}?repository_url=docker.io/library/alpine`,
    ])
  })
})
