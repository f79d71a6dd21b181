import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { PharosError, ScanReport } from '@pharos/contracts'

const inflate = promisify(gunzip)

/** Limits of reading reports. */
export interface ReportReaderLimits {
  /** Largest report, uncompressed: a small gzip may hold a huge one. */
  readonly maxReportBytes: number
}

/**
 * Reads a gzip report: inflated off the main thread and never beyond the limit, then checked with the contract.
 * Throws `report-invalid` for anything else than a report, `request-too-large` for too large a one.
 */
export async function readReport(compressed: Buffer, limits: ReportReaderLimits): Promise<ScanReport> {
  const text = await inflateText(compressed, limits.maxReportBytes)
  return parseReport(text)
}

async function inflateText(compressed: Buffer, maxReportBytes: number): Promise<string> {
  try {
    return (await inflate(compressed, { maxOutputLength: maxReportBytes })).toString('utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new PharosError('request-too-large', `The report is larger than ${maxReportBytes} bytes.`, { cause: error })
    }
    throw new PharosError('report-invalid', 'The report is not gzip.', { cause: error })
  }
}

/** Parses the JSON of a report. Throws `report-invalid` with the places that do not fit. */
export function parseReport(text: string): ScanReport {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new PharosError('report-invalid', 'The report is not JSON.', { cause: error })
  }
  const parsed = ScanReport.safeParse(value)
  if (parsed.success) return parsed.data
  throw new PharosError('report-invalid', 'The report does not fit the contract.', {
    errors: parsed.error.issues.slice(0, 20).map((issue) => ({ pointer: `#/${issue.path.map(String).join('/')}`, detail: issue.message })),
    cause: parsed.error,
  })
}
