import type { ResolvedImage, ScanReport } from '@pharos/contracts'

/** A complete report of an image without packages. */
export function emptyReport(image: ResolvedImage, status: 'complete' | 'partial' = 'complete'): ScanReport {
  return {
    reportVersion: 1,
    image,
    config: null,
    distro: null,
    catalogue: { cataloguer: 'syft', version: '1.57.0', configuration: 'c1', packageCount: 0, unreadable: [], isReused: false },
    packages: [],
    engines: [
      {
        engine: 'grype',
        status,
        engineVersion: '0.121.2',
        database: null,
        reasons: status === 'partial' ? [{ code: 'engine-failed', detail: 'The python matcher failed.' }] : [],
        vulnerabilities: [],
        matches: [],
        secrets: [],
        misconfigurations: [],
      },
    ],
  }
}
