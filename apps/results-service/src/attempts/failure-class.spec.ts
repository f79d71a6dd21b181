import { problemCodes } from '@pharos/contracts'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { backOffMs, isOwnFailure, storableReason, verdictOf } from './failure-class.js'

describe('verdictOf', () => {
  it.each([
    ['registry-timeout', 'retry'],
    ['registry-rate-limited', 'retry'],
    ['disk-full', 'retry'],
    ['registry-unauthorized', 'fail'],
    ['manifest-not-found', 'fail'],
    ['image-corrupt', 'fail'],
    ['engine-crashed', 'crash'],
    ['engine-out-of-memory', 'crash'],
  ] as const)('%s leads to %s', (code, verdict) => {
    expect(verdictOf(code)).toBe(verdict)
  })
})

describe('isOwnFailure', () => {
  it('is true for references, registries and credentials, false for the image and the scan', () => {
    const own = problemCodes.filter(isOwnFailure)
    expect(own).toEqual(expect.arrayContaining(['registry-unauthorized', 'registry-timeout', 'manifest-not-found', 'platform-not-found']))
    expect(own.filter((code) => /^(image|engine|catalogue|database|sbom)-/.test(code))).toEqual([])
  })
})

describe('backOffMs', () => {
  it.each([
    ['the first retry', 1, null, 0.999_999, 2000],
    ['the third retry', 3, null, 0.999_999, 8000],
    ['the twentieth retry', 20, null, 0.999_999, 300_000],
    ['a lucky draw', 3, null, 0, 0],
    ['a registry that asks for more', 1, 60_000, 0.5, 60_000],
  ])('%s', (_what, failures, retryAfterMs, random, expected) => {
    expect(backOffMs(failures, retryAfterMs, random)).toBe(expected)
  })

  it('is never longer than five minutes by itself, and never shorter than asked for', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 10_000 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        fc.integer({ min: 0, max: 86_400_000 }),
        (failures, random, askedMs) => {
          expect(backOffMs(failures, null, random)).toBeLessThanOrEqual(300_000)
          expect(backOffMs(failures, askedMs, random)).toBeGreaterThanOrEqual(askedMs)
        },
      ),
    )
  })
})

describe('storableReason', () => {
  it('replaces what PostgreSQL cannot store', () => {
    expect(storableReason({ code: 'image-corrupt', detail: 'a\u0000b', paths: ['\u0000'] })).toEqual({
      code: 'image-corrupt',
      detail: 'a\u2400b',
      paths: ['\u2400'],
    })
  })
})
