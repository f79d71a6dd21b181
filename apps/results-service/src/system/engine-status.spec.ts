import { describe, expect, it } from 'vitest'
import { engineStatusOf } from './engine-status.js'

describe('engineStatusOf', () => {
  it('counts the workers of each engine and version, and keeps why one has none', () => {
    const grype = { engine: 'grype', version: '0.121.2', available: true, reason: null } as const
    const missing = { engine: 'trivy', version: null, available: false, reason: 'not installed' } as const
    expect(engineStatusOf([{ engines: [grype, missing] }, { engines: [grype] }, { engines: [{ ...grype, version: '0.122.0' }] }])).toEqual([
      { ...grype, workers: 2 },
      { ...grype, version: '0.122.0', workers: 1 },
      { ...missing, workers: 1 },
    ])
  })
})
