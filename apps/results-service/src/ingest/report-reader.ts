import { isAscii } from 'node:buffer'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { PharosError, ScanReport } from '@pharos/contracts'

const inflate = promisify(gunzip)
const smallestRoomBytes = 16 * 1024
const largestRoomBytes = 16 * 1024 * 1024

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
    return textOf(await inflate(compressed, { maxOutputLength: maxReportBytes, chunkSize: expectedBytes(compressed, maxReportBytes) }))
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ERR_BUFFER_TOO_LARGE') {
      throw new PharosError('request-too-large', `The report is larger than ${maxReportBytes} bytes.`, { cause: error })
    }
    throw new PharosError('report-invalid', 'The report is not gzip.', { cause: error })
  }
}

/**
 * Room for the whole report at once: zlib's own 16 KiB at a time cost a thread's turn and a copy each. The size stands at the
 * end of a gzip, and whoever made it may have lied: it is a hint within bounds.
 */
function expectedBytes(compressed: Buffer, maxReportBytes: number): number {
  const statedBytes = compressed.byteLength < 4 ? 0 : compressed.readUInt32LE(compressed.byteLength - 4)
  return Math.max(smallestRoomBytes, Math.min(statedBytes + 1, maxReportBytes, largestRoomBytes))
}

/** Reports are mostly ASCII, which needs no decoding. */
function textOf(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
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
