import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { digestOf, engineReport, scanReport } from '../ingest/__tests__/report-builder.js'
import { createReads, type Reads } from '../inventory/__tests__/reads-harness.js'

let reads: Reads
beforeAll(async () => {
  reads = await createReads()
})
afterAll(() => reads.inventory.results.close())

describe("the end of life of an image's distribution", () => {
  it('is what an engine says, the worse of two, and stays while none says anything', async () => {
    const said = async (...told: (boolean | undefined)[]) => {
      const engines = told.map((isDistroEndOfLife, position) =>
        engineReport({ engine: position === 0 ? 'grype' : 'trivy', ...(isDistroEndOfLife === undefined ? {} : { isDistroEndOfLife }) }),
      )
      await reads.inventory.ingest(scanReport('shop', { engines }))
      return (await reads.view.detail(digestOf('shop'), null)).isDistroEndOfLife
    }
    expect(await said(undefined)).toBeNull()
    expect(await said(false)).toBe(false)
    expect(await said(false, true)).toBe(true)
    expect(await said(undefined)).toBe(true)
    expect(await said(false, false)).toBe(false)
  })
})
