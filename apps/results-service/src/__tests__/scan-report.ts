import type { ResolvedImage } from '@pharos/contracts'
import { type ReceivedReport, receiveReport } from '../ingest/received-report.js'

/** A complete report of an image without packages, as it is received. */
export function emptyReport(image: ResolvedImage, status: 'complete' | 'partial' = 'complete'): ReceivedReport {
  return receiveReport({
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
  })
}
