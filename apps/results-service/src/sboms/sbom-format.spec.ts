import { describe, expect, it } from 'vitest'
import { sbomFormatOf } from './sbom-format.js'

describe('sbomFormatOf', () => {
  it.each([
    ['syft', { artifacts: [], schema: { version: '16.0.0' } }],
    ['cyclonedx', { bomFormat: 'CycloneDX', specVersion: '1.6', components: [] }],
    ['spdx', { spdxVersion: 'SPDX-2.3', SPDXID: 'SPDXRef-DOCUMENT', packages: [] }],
  ])('recognises %s', (format, document) => {
    expect(sbomFormatOf(document)).toBe(format)
  })

  it.each([
    [null],
    [[]],
    ['x'],
    [{}],
    [{ bomFormat: 'CycloneDX' }],
    [{ spdxVersion: 'SPDX-3.0', SPDXID: 'x' }],
    [{ artifacts: {}, schema: {} }],
  ])('refuses %j', (document) => {
    expect(() => sbomFormatOf(document)).toThrow(expect.objectContaining({ code: 'sbom-invalid' }))
  })
})
