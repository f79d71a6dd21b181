import { isUtf8 } from 'node:buffer'
import { hash } from 'node:crypto'
import { PharosError, ReportHeader, reportLines, type ScanReport } from '@pharos/contracts'
import type { z } from 'zod'
import type { LineShapes } from './line-shapes.js'

/** An engine's part of the header: its report without vulnerabilities and matches. */
export type EngineHeader = ReportHeader['engines'][number]

/** Some of a report's lines. They are read on demand: most of them are known by their hash. */
export interface Lines {
  readonly count: number
  bytes(position: number): Buffer
  text(position: number): string
  /** The upper 128 bits of the line's SHA-256, hex. */
  hash(position: number): string
  /** The same as 16 characters, one a byte. */
  digest(position: number): string
}

/** The matches of one package by one engine. */
export interface MatchLines {
  readonly packagePosition: number
  /** Position of each match's vulnerability. */
  readonly vulnerabilityPositions: readonly number[]
  readonly lines: Lines
  /** Of all lines together. */
  hash(): string
}

/** An engine's part of a report. */
export interface ReceivedEngine {
  readonly header: EngineHeader
  readonly vulnerabilities: Lines
  readonly matches: readonly MatchLines[]
}

/** A report as it came: a header, and lines of facts in their one spelling. See `ReportHeader` for the form. */
export interface ReceivedReport {
  readonly header: ReportHeader
  readonly packages: Lines
  readonly places: Lines
  /** null when the report brings none. */
  readonly inputs: Lines | null
  readonly engines: readonly ReceivedEngine[]
}

const newline = 10

/** Takes the lines of a report apart. Throws `report-invalid` when they are not what the header says. */
export function receiveLines(bytes: Buffer): ReceivedReport {
  if (!isUtf8(bytes)) throw new PharosError('report-invalid', 'The report is not UTF-8.')
  const starts = lineStarts(bytes)
  const header = parseLine(ReportHeader, bytes.toString('utf8', 0, (starts[1] ?? 1) - 1), 'header')
  let next = 1
  const take = (count: number): Lines => {
    const lines = linesOf(bytes, starts, next, count)
    next += count
    return lines
  }
  const packages = take(header.packageCount)
  const places = take(header.packageCount)
  const inputs = header.hasMatcherInputs ? take(header.packageCount) : null
  const engines = header.engines.map((engine): ReceivedEngine => {
    requirePositions(engine, header.packageCount)
    const vulnerabilities = take(engine.vulnerabilityCount)
    let matched = 0
    const matches = engine.matchedPackages.map((packagePosition, group): MatchLines => {
      const count = engine.matchCounts[group] ?? 0
      const first = next
      const vulnerabilityPositions = engine.matchedVulnerabilities.slice(matched, matched + count)
      matched += count
      const lines = take(count)
      return {
        packagePosition,
        vulnerabilityPositions,
        lines,
        hash: () => hashOf(bytes, starts[first] ?? 0, (starts[first + count] ?? 1) - 1),
      }
    })
    return { header: engine, vulnerabilities, matches }
  })
  if (next !== starts.length - 1) throw new PharosError('report-invalid', 'The report has other lines than its header says.')
  return { header, packages, places, inputs, engines }
}

/** Brings a report of the first version, one JSON document, into the form of lines. */
export function receiveReport(report: ScanReport): ReceivedReport {
  try {
    return receiveLines(Buffer.from(reportLines(report)))
  } catch (error) {
    if (error instanceof RangeError) throw new PharosError('report-invalid', error.message, { cause: error })
    throw error
  }
}

/** Parses a line's JSON by a schema. Throws `report-invalid`. */
export function parseLine<T>(schema: z.ZodType<T>, text: string, what: string): T {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new PharosError('report-invalid', `A ${what} of the report is not JSON.`, { cause: error })
  }
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  throw new PharosError('report-invalid', `A ${what} of the report does not fit the contract.`, {
    errors: parsed.error.issues.slice(0, 20).map((issue) => ({ pointer: `#/${issue.path.map(String).join('/')}`, detail: issue.message })),
    cause: parsed.error,
  })
}

/** Checks a line's JSON by a schema that takes any text for its strings. Throws `report-invalid`. */
export function checkLine(schema: z.ZodType, shapes: LineShapes, json: Buffer, what: string): void {
  if (shapes.has(json)) return
  parseLine(schema, json.toString(), what)
  shapes.accept(json)
}

/** Where each line starts, and at last where the one after the last would. */
function lineStarts(bytes: Buffer): number[] {
  const starts = [0]
  for (let end = bytes.indexOf(newline); end !== -1; end = bytes.indexOf(newline, end + 1)) starts.push(end + 1)
  if (starts.at(-1) !== bytes.byteLength) starts.push(bytes.byteLength + 1)
  return starts
}

function linesOf(bytes: Buffer, starts: readonly number[], first: number, count: number): Lines {
  if (first + count > starts.length - 1) throw new PharosError('report-invalid', 'The report ends before its last line.')
  const start = (position: number): number => starts[first + position] ?? 0
  const end = (position: number): number => (starts[first + position + 1] ?? 1) - 1
  return {
    count,
    bytes: (position) => bytes.subarray(start(position), end(position)),
    text: (position) => bytes.toString('utf8', start(position), end(position)),
    hash: (position) => hashOf(bytes, start(position), end(position)),
    digest: (position) => hash('sha256', bytes.subarray(start(position), end(position)), 'binary').slice(0, 16),
  }
}

function hashOf(bytes: Buffer, start: number, end: number): string {
  return hash('sha256', bytes.subarray(start, end), 'hex').slice(0, 32)
}

function requirePositions(engine: EngineHeader, packageCount: number): void {
  const { matchedPackages, matchCounts, matchedVulnerabilities, vulnerabilityCount, risks } = engine
  const matchCount = matchCounts.reduce((sum, count) => sum + count, 0)
  const isRight =
    risks.length === vulnerabilityCount &&
    matchedPackages.length === matchCounts.length &&
    matchedVulnerabilities.length === matchCount &&
    matchedPackages.every((position) => position < packageCount) &&
    matchedVulnerabilities.every((position) => position < vulnerabilityCount)
  if (!isRight) {
    throw new PharosError('report-invalid', `A match of ${engine.engine} names a package or vulnerability that the report does not hold.`)
  }
}
