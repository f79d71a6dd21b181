import { Injectable } from '@nestjs/common'
import { InjectConfiguration } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import type { ReceivedReport } from '../ingest/received-report.js'
import { parseReport, readReport } from '../ingest/report-reader.js'
import { ReportGate } from './report-gate.js'

/** A report on its way in. */
export interface IncomingReport {
  readonly encoding: string | undefined
  /** Content-Length; 0 when it is not known. */
  readonly declaredBytes: number
  readonly read: () => Promise<Buffer>
}

/** What an undeclared report counts for. */
const undeclaredBytes = 4 * 1024 * 1024

/** Lets reports in within the limit of bytes in flight, and reads them. */
@Injectable()
export class ReportDoor {
  constructor(
    private readonly gate: ReportGate,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
  ) {}

  open<T>(incoming: IncomingReport, work: (report: ReceivedReport) => Promise<T>): Promise<T> {
    return this.gate.pass(incoming.declaredBytes || undeclaredBytes, async () => {
      const bytes = await incoming.read()
      const isGzip = incoming.encoding === 'gzip'
      return work(isGzip ? await readReport(bytes, { maxReportBytes: this.configuration.scans.maxReportBytes }) : parseReport(bytes))
    })
  }
}
