import { Injectable } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { InjectConfiguration, Metrics } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'

/** Bounds the bytes of reports that are being stored; who comes too fast is told to come back. */
@Injectable()
export class ReportGate {
  private bytesInFlight = 0
  private readonly limitBytes: number
  private readonly refused

  constructor(@InjectConfiguration() configuration: ResultsConfiguration, metrics: Metrics) {
    this.limitBytes = configuration.scans.maxReportBytesInFlight
    metrics.gauge({
      name: 'pharos_reports_in_flight_bytes',
      help: 'Compressed bytes of reports that are being stored.',
      collect: (gauge) => gauge.set(this.bytesInFlight),
    })
    this.refused = metrics.counter({ name: 'pharos_reports_refused_total', help: 'Reports that were told to come back later.' })
  }

  /** Runs `work` for a report of so many bytes. Throws `busy` (503 with Retry-After) over the limit; one report always passes. */
  async pass<T>(sizeBytes: number, work: () => Promise<T>): Promise<T> {
    if (this.bytesInFlight > 0 && this.bytesInFlight + sizeBytes > this.limitBytes) {
      this.refused.inc()
      throw new PharosError('busy', 'Too many reports are being stored; come back.', { retryAfterMs: 2000 })
    }
    this.bytesInFlight += sizeBytes
    try {
      return await work()
    } finally {
      this.bytesInFlight -= sizeBytes
    }
  }
}
