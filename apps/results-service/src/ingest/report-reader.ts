import { isAscii } from 'node:buffer'
import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { PharosError, ScanReport } from '@pharos/contracts'
import { parseLine, receiveLines, type ReceivedReport, receiveReport } from './received-report.js'

const inflate = promisify(gunzip)
const smallestRoomBytes = 16 * 1024
const largestRoomBytes = 16 * 1024 * 1024

/** Limits of reading reports. */
export interface ReportReaderLimits {
  /** Largest report, uncompressed: a small gzip may hold a huge one. */
  readonly maxReportBytes: number
}

/**
 * Reads a gzip report: inflated off the main thread and never beyond the limit.
 * Throws `report-invalid` for anything else than a report, `request-too-large` for too large a one.
 */
export async function readReport(compressed: Buffer, limits: ReportReaderLimits): Promise<ReceivedReport> {
  return parseReport(await inflateBytes(compressed, limits.maxReportBytes))
}

async function inflateBytes(compressed: Buffer, maxReportBytes: number): Promise<Buffer> {
  try {
    return await inflate(compressed, { maxOutputLength: maxReportBytes, chunkSize: expectedBytes(compressed, maxReportBytes) })
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

/** Reads a report in either form: lines, or one JSON document. Throws `report-invalid`, for a document with the places that do not fit. */
export function parseReport(bytes: Buffer): ReceivedReport {
  return startsWithHeader(bytes) ? receiveLines(bytes) : receiveReport(parseLine(ScanReport, documentOf(bytes), 'document'))
}

/** A document may have line ends, too, but none of its lines is JSON by itself. */
function startsWithHeader(bytes: Buffer): boolean {
  const end = bytes.indexOf('\n')
  if (end <= 0) return false
  try {
    return (JSON.parse(bytes.toString('utf8', 0, end)) as { reportVersion?: unknown } | null)?.reportVersion === 2
  } catch {
    return false
  }
}

/** Documents are mostly ASCII, which needs no decoding. */
function documentOf(bytes: Buffer): string {
  return bytes.toString(isAscii(bytes) ? 'latin1' : 'utf8')
}
