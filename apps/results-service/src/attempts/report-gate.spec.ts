import { Metrics } from '@pharos/service-kit'
import { describe, expect, it } from 'vitest'
import type { ResultsConfiguration } from '../configuration.js'
import { ReportGate } from './report-gate.js'

function gateOf(maxReportBytesInFlight: number): ReportGate {
  return new ReportGate({ scans: { maxReportBytesInFlight } } as ResultsConfiguration, new Metrics())
}

describe('ReportGate', () => {
  it('sends a report away with a time to come back while others fill the limit, and lets it in after them', async () => {
    const gate = gateOf(100)
    let finish: () => void = () => undefined
    const first = gate.pass(
      80,
      () =>
        new Promise<void>((resolve) => {
          finish = resolve
        }),
    )
    await expect(gate.pass(30, () => Promise.resolve('stored'))).rejects.toMatchObject({ code: 'busy', retryAfterMs: 2000 })
    await expect(gate.pass(20, () => Promise.resolve('stored'))).resolves.toBe('stored')
    finish()
    await first
    await expect(gate.pass(30, () => Promise.resolve('stored'))).resolves.toBe('stored')
  })

  it('lets a single report pass that is larger than the limit', async () => {
    await expect(gateOf(100).pass(500, () => Promise.resolve('stored'))).resolves.toBe('stored')
  })

  it('gives the bytes back when storing fails', async () => {
    const gate = gateOf(100)
    await expect(gate.pass(90, () => Promise.reject(new Error('no')))).rejects.toThrow('no')
    await expect(gate.pass(90, () => Promise.resolve('stored'))).resolves.toBe('stored')
  })
})
