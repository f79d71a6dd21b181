import { open, rm } from 'node:fs/promises'
import { randomUUID } from 'node:crypto'
import { join } from 'node:path'
import { PharosError, type ReportMatch, type ReportVulnerability } from '@pharos/contracts'
import { mapMatchContent, mapRisk, mapVulnerability } from '../grype/mapping.js'
import type { EngineLimits, UsedDatabase } from '../model/scanner.js'
import { timestampOrNull } from '../model/timestamp.js'
import { readJsonFile } from '../process/json-file.js'
import { readJsonLines } from '../process/json-lines.js'
import type { EngineClient } from './engine-client.js'
import {
  EngineDescribed,
  EngineDescription,
  EngineDifference,
  EngineDifferenceFile,
  EnginePrepared,
  EngineUnitResult,
  EngineUnitsMatched,
  type OpenedDatabase,
} from './schema.js'

/** A unique package: what matchers read of it, as an engine has made it. */
export interface MatchUnit {
  readonly id: number
  /** Canonical JSON, one line of `ScanReport.matcherInputs`. */
  readonly input: string
}

/** A match of a unit, by its position in the vulnerabilities beside it. */
export interface UnitMatch extends Omit<ReportMatch, 'package' | 'locations'> {
  readonly unitId: number
}

/** What units match in one database. A unit that is neither skipped nor failed has these matches and no others. */
export interface UnitMatches {
  readonly vulnerabilities: ReportVulnerability[]
  readonly matches: UnitMatch[]
  /** Ids of the units that the difference to the former database cannot touch: they match what they matched in that one. */
  readonly skipped: number[]
  /** Units whose matches may not be all, and why. */
  readonly failed: { readonly id: number; readonly reason: string }[]
  /** What units are searched for by, where that was asked for; one that cannot be read has no keys. */
  readonly keys: { readonly version: string; readonly units: [id: number, keys: number[]][] } | null
  readonly database: UsedDatabase
  /** Version of the matcher (Grype). */
  readonly engineVersion: string
}

/** A vulnerability to describe, as an engine names it. */
export interface DescribedName {
  readonly id: number
  readonly nativeId: string
  readonly namespace: string
}

/** Bounds of one call. */
export interface UnitMatcherOptions {
  readonly limits: EngineLimits
  readonly signal: AbortSignal
}

/** What two databases differ in. */
export interface DatabaseDifference {
  /** Something that decides any search differs: nothing can be left out. */
  readonly isEverything: boolean
  /** Rules that search keys are made by. */
  readonly keysVersion: string
  /** Of the names that matchers find other records by. */
  readonly keys: number[]
  /** Vulnerabilities of which something else is said, by their names in lower case. */
  readonly records: string[]
  /** Vulnerabilities of which nothing but EPSS or known exploitation differs. */
  readonly scores: string[]
}

/** Judges unique packages of many images by a database, without their images. */
export class UnitMatcher {
  constructor(
    private readonly client: EngineClient,
    /** Folder for the files that are exchanged with the engine. */
    private readonly workDirectory: string,
    readonly engineVersion: string,
  ) {}

  /**
   * Matches units. With `formerDatabaseDirectory`, those that the difference of both databases cannot touch are skipped.
   * @throws PharosError of the codes `engine-*`, `database-*`, `disk-full`, `cancelled`
   */
  async matchUnits(
    units: readonly MatchUnit[],
    databaseDirectory: string,
    options: UnitMatcherOptions & { readonly formerDatabaseDirectory?: string | undefined; readonly withKeys?: boolean | undefined },
  ): Promise<UnitMatches> {
    const { formerDatabaseDirectory, limits, signal, withKeys = false } = options
    const touchedBy = formerDatabaseDirectory === undefined ? {} : { touchedBy: { from: formerDatabaseDirectory, to: databaseDirectory } }
    return this.exchange(
      units.map(({ id, input }) => `{"id":${id},"input":${inOneLine(input)}}\n`),
      async (unitsPath, resultPath) => {
        const answer = await this.client.callWithDatabase(
          databaseDirectory,
          'matchUnits',
          { unitsPath, resultPath, ...touchedBy, withKeys, timeoutMs: limits.timeoutMs },
          EngineUnitsMatched,
          { timeoutMs: limits.timeoutMs, signal },
        )
        const read = await readUnitMatches(resultPath, limits.outputLimitBytes, units)
        const held = [read.unitCount, read.matches.length, read.vulnerabilities.length]
        const counted = [answer.unitCount, answer.matchCount, answer.vulnerabilityCount]
        if (held.some((count, position) => count !== counted[position]) || read.unitCount !== units.length)
          throw new PharosError(
            'engine-output-invalid',
            `The scan engine counted ${counted.join(', ')} units, matches and vulnerabilities of ${units.length} units, but wrote ${held.join(', ')}.`,
          )
        const { vulnerabilities, matches, skipped, failed } = read
        const keys = withKeys && answer.keysVersion !== undefined ? { version: answer.keysVersion, units: read.keys } : null
        return {
          vulnerabilities,
          matches,
          skipped,
          failed,
          keys,
          database: usedDatabase(answer.database),
          engineVersion: this.engineVersion,
        }
      },
    )
  }

  /**
   * What a match in the database would say of each vulnerability, in their order; null for one that the database does not know,
   * or no longer for any package of its namespace.
   * @throws PharosError of the codes `engine-*`, `database-*`, `disk-full`, `cancelled`
   */
  async describe(
    vulnerabilities: readonly DescribedName[],
    databaseDirectory: string,
    { limits, signal }: UnitMatcherOptions,
  ): Promise<((ReportVulnerability & { risk: number }) | null)[]> {
    return this.exchange(
      vulnerabilities.map(({ nativeId, namespace }, id) => `${JSON.stringify({ id, nativeId, namespace })}\n`),
      async (inputPath, resultPath) => {
        await this.client.callWithDatabase(
          databaseDirectory,
          'describeVulnerabilities',
          { inputPath, resultPath, timeoutMs: limits.timeoutMs },
          EngineDescribed,
          { timeoutMs: limits.timeoutMs, signal },
        )
        const described: ((ReportVulnerability & { risk: number }) | null)[] = []
        const document = resultDocument(EngineDescription, limits.outputLimitBytes)
        for await (const line of readJsonLines(resultPath, document)) {
          if (line.id !== described.length)
            throw new PharosError('engine-output-invalid', `The scan engine left out vulnerability ${described.length}.`)
          described.push('record' in line ? { ...mapVulnerability(line.record), risk: mapRisk(line.record) } : null)
        }
        if (described.length !== vulnerabilities.length)
          throw new PharosError(
            'engine-output-invalid',
            `The scan engine described ${described.length} vulnerabilities of ${vulnerabilities.length}.`,
          )
        return described
      },
    )
  }

  /**
   * What two databases differ in, by their fingerprints, which are kept in their directories.
   * @throws PharosError of the codes `engine-*`, `database-*`, `disk-full`, `cancelled`
   */
  async difference(
    formerDirectory: string,
    databaseDirectory: string,
    { limits, signal }: UnitMatcherOptions,
  ): Promise<DatabaseDifference> {
    const resultPath = join(this.workDirectory, `${randomUUID()}.difference.json`)
    try {
      const { all, keysVersion } = await this.client.call(
        'diffDatabases',
        { from: formerDirectory, to: databaseDirectory, resultPath, timeoutMs: limits.timeoutMs },
        EngineDifference,
        { timeoutMs: limits.timeoutMs, signal },
      )
      const file = await readJsonFile(resultPath, {
        schema: EngineDifferenceFile,
        name: 'The difference of databases',
        limitBytes: limits.outputLimitBytes,
        problem: 'engine-output-invalid',
      })
      return { isEverything: all, keysVersion, ...file }
    } finally {
      await rm(resultPath, { force: true })
    }
  }

  /**
   * Has a database ready: it is open, and its fingerprint stands in its directory.
   * @throws PharosError of the codes `engine-*`, `database-*`, `disk-full`, `cancelled`
   */
  async prepare(databaseDirectory: string, { limits, signal }: UnitMatcherOptions): Promise<void> {
    const { timeoutMs } = limits
    const fields = { directory: databaseDirectory, timeoutMs }
    await this.client.callWithDatabase(databaseDirectory, 'prepareDatabase', fields, EnginePrepared, { timeoutMs, signal })
  }

  /** Hands lines over in a file and gives `read` the path of the answer; both files go afterwards. */
  private async exchange<T>(lines: readonly string[], read: (inputPath: string, resultPath: string) => Promise<T>): Promise<T> {
    const name = randomUUID()
    const inputPath = join(this.workDirectory, `${name}.input.jsonl`)
    const resultPath = join(this.workDirectory, `${name}.result.jsonl`)
    try {
      await writeLines(inputPath, lines)
      return await read(inputPath, resultPath)
    } finally {
      await Promise.all([rm(inputPath, { force: true }), rm(resultPath, { force: true })])
    }
  }
}

/** An input with a line end would be two lines to the engine: this one fails there, and no other with it. */
function inOneLine(input: string): string {
  return /[\r\n]/.test(input) || input === '' ? 'null' : input
}

const linesTogether = 1000

async function writeLines(path: string, lines: readonly string[]): Promise<void> {
  const file = await open(path, 'w', 0o600)
  try {
    for (let start = 0; start < lines.length; start += linesTogether) await file.write(lines.slice(start, start + linesTogether).join(''))
  } finally {
    await file.close()
  }
}

async function readUnitMatches(
  path: string,
  limitBytes: number,
  units: readonly MatchUnit[],
): Promise<Pick<UnitMatches, 'vulnerabilities' | 'matches' | 'skipped' | 'failed'> & { unitCount: number; keys: [number, number[]][] }> {
  const read = {
    vulnerabilities: [] as ReportVulnerability[],
    matches: [] as UnitMatch[],
    skipped: [] as number[],
    failed: [] as UnitMatches['failed'][number][],
    keys: [] as [id: number, keys: number[]][],
  }
  const risks: number[] = []
  let unitCount = 0
  for await (const line of readJsonLines(path, resultDocument(EngineUnitResult, limitBytes))) {
    if ('record' in line) {
      if (line.vulnerability !== read.vulnerabilities.length)
        throw new PharosError('engine-output-invalid', `The scan engine left out vulnerability ${read.vulnerabilities.length}.`)
      read.vulnerabilities.push(mapVulnerability(line.record))
      risks.push(mapRisk(line.record))
      continue
    }
    // Results come in the order of the units; a line that is no JSON has no id to give back.
    const id = units[unitCount]?.id
    unitCount += 1
    if (id === undefined || (line.id !== id && line.failed === undefined))
      throw new PharosError('engine-output-invalid', `The scan engine gave a result of unit ${line.id} out of turn.`)
    if (line.skipped) read.skipped.push(id)
    if (line.keys) read.keys.push([id, line.keys])
    if (line.failed !== undefined) read.failed.push({ id, reason: line.failed })
    for (const { vulnerability, fix, details } of line.matches) {
      const risk = risks[vulnerability]
      if (risk === undefined)
        throw new PharosError(
          'engine-output-invalid',
          `Unit ${id} names vulnerability ${vulnerability}, which the scan engine did not write.`,
        )
      read.matches.push({ unitId: id, vulnerability, ...mapMatchContent(fix, details), risk })
    }
  }
  return { ...read, unitCount }
}

function resultDocument<S extends typeof EngineUnitResult | typeof EngineDescription>(schema: S, limitBytes: number) {
  return { schema, name: 'The result of the scan engine', limitBytes, problem: 'engine-output-invalid' } as const
}

function usedDatabase({ schemaVersion, builtAt, checksum, isSample }: OpenedDatabase): UsedDatabase {
  return { schemaVersion, builtAt: timestampOrNull(builtAt), checksum: checksum ?? null, isSample }
}
