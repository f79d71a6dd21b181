import { Injectable } from '@nestjs/common'
import {
  type EngineName,
  type EngineReport,
  type FailureReason,
  type GenerationRef,
  PharosError,
  type ProblemCode,
} from '@pharos/contracts'
import type { PulledImage } from '@pharos/registry'
import type { EngineFindings, Scanner } from '@pharos/scanners'
import { InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../../configuration.js'
import { GenerationStore, type HeldGeneration } from '../../databases/generation-store.js'
import { SlotEngines } from '../../engines/slot-engines.js'
import { PhaseRunner } from '../phase-runner.js'
import type { ScanAttempt } from '../scan-attempt.js'
import type { Catalogued } from './catalogue.phase.js'

/** Without these an engine cannot say anything: the result says so, and the catalogue is kept all the same. */
const unavailableCodes: ReadonlySet<ProblemCode> = new Set(['engine-unavailable', 'database-missing'])
/** The database's fault, not the image's: trying again with the same one would not help. */
const databaseCodes: ReadonlySet<ProblemCode> = new Set(['database-damaged', 'database-unsupported'])
const namedLimit = 200

/** Lets each engine that was asked for look at the image, and says of each how much it said. */
@Injectable()
export class MatchPhase {
  constructor(
    private readonly phases: PhaseRunner,
    private readonly engines: SlotEngines,
    private readonly generations: GenerationStore,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  /** @throws the first engine's problem when all engines failed: then there is nothing to report */
  async run(attempt: ScanAttempt, catalogued: Catalogued, pulled: PulledImage | null): Promise<EngineReport[]> {
    const { engines } = attempt.claim.task
    return this.phases.run(attempt, 'match', this.configuration.timeouts.matchMs * engines.length, async (signal) => {
      const reports: EngineReport[] = []
      const failures: PharosError[] = []
      for (const engine of engines) {
        try {
          reports.push(await this.scan(engine, attempt, catalogued, pulled, signal))
        } catch (error) {
          if (signal.aborted || !(error instanceof PharosError) || error.code === 'upstream-unavailable') throw error
          this.logger.log(error.logLevel, 'engine failed', { engine, error })
          if (!unavailableCodes.has(error.code) && !databaseCodes.has(error.code)) failures.push(error)
          reports.push(failedReport(engine, error, this.generation(attempt, engine)))
        }
      }
      const [first] = failures
      if (first !== undefined && failures.length === engines.length) throw first
      return reports
    })
  }

  private async scan(
    engine: EngineName,
    attempt: ScanAttempt,
    catalogued: Catalogued,
    pulled: PulledImage | null,
    signal: AbortSignal,
  ): Promise<EngineReport> {
    attempt.lease.describe(engine)
    const scanner = await this.scanner(engine, attempt)
    const generation = this.generation(attempt, engine)
    const held = await this.hold(engine, generation)
    try {
      const { engines, timeouts } = this.configuration
      const findings = await scanner.scan({
        sbomPath: catalogued.sbomPath ?? '',
        layoutDirectory: pulled?.layoutDirectory ?? null,
        catalogue: catalogued.catalogue,
        databaseDirectory: held?.directory ?? null,
        workDirectory: attempt.workDirectory,
        signal,
        limits: { timeoutMs: timeouts.matchMs, memoryLimitBytes: engines.memoryLimitBytes, outputLimitBytes: engines.outputLimitBytes },
      })
      return foundReport(engine, scanner, findings, generation, unreadableReasons(engine, catalogued))
    } finally {
      held?.release()
    }
  }

  private async scanner(engine: EngineName, attempt: ScanAttempt): Promise<Scanner> {
    return engine === 'trivy' ? this.engines.trivy() : (await this.engines.of(attempt.slotIndex)).grype
  }

  private async hold(engine: EngineName, generation: GenerationRef | undefined): Promise<HeldGeneration | null> {
    if (!this.engines.needsGeneration(engine)) return null
    if (generation === undefined)
      throw new PharosError('database-missing', `No vulnerability database for ${engine} is active: import one, or wait for its download.`)
    return this.generations.hold(generation)
  }

  private generation(attempt: ScanAttempt, engine: EngineName): GenerationRef | undefined {
    return this.engines.needsGeneration(engine) ? attempt.claim.generations.find((generation) => generation.engine === engine) : undefined
  }
}

/** Files that the cataloguer could not read make what follows from the catalogue partial. Trivy reads the image itself. */
function unreadableReasons(engine: EngineName, { catalogue }: Catalogued): FailureReason[] {
  if (engine === 'trivy' || catalogue.unreadable.length === 0) return []
  const [first] = catalogue.unreadable
  return [
    {
      code: 'catalogue-failed',
      detail: `${catalogue.unreadable.length} files could not be read, e.g. ${first?.path ?? ''}: ${first?.reason ?? ''}`.slice(0, 2000),
      paths: catalogue.unreadable.slice(0, namedLimit).map(({ path }) => path),
    },
  ]
}

function foundReport(
  engine: EngineName,
  scanner: Scanner,
  findings: EngineFindings,
  generation: GenerationRef | undefined,
  unreadable: FailureReason[],
): EngineReport {
  const reasons = [...findings.reasons, ...unreadable].slice(0, 100)
  return {
    engine,
    status: reasons.length === 0 ? 'complete' : 'partial',
    engineVersion: findings.engineVersion ?? scanner.version,
    database: databaseOf(generation, findings),
    reasons,
    vulnerabilities: findings.vulnerabilities,
    matches: findings.matches,
    secrets: findings.secrets,
    misconfigurations: findings.misconfigurations,
    ...(findings.isDistroEndOfLife === undefined ? {} : { isDistroEndOfLife: findings.isDistroEndOfLife }),
  }
}

function databaseOf(generation: GenerationRef | undefined, { database }: Pick<EngineFindings, 'database'>): EngineReport['database'] {
  if (generation === undefined) return database === null ? null : { ...database, generationId: null, isStale: false }
  return {
    generationId: generation.id,
    schemaVersion: database?.schemaVersion ?? generation.schemaVersion,
    builtAt: database?.builtAt ?? generation.builtAt,
    checksum: generation.checksum,
    isSample: generation.isSample || (database?.isSample ?? false),
    isStale: generation.isStale,
  }
}

function failedReport(engine: EngineName, error: PharosError, generation: GenerationRef | undefined): EngineReport {
  return {
    engine,
    status: unavailableCodes.has(error.code) ? 'unavailable' : 'failed',
    engineVersion: null,
    database: databaseOf(generation, { database: null }),
    reasons: [
      {
        code: error.code,
        detail: error.detail.slice(0, 2000),
        ...(error.paths === undefined ? {} : { paths: error.paths.slice(0, namedLimit) }),
      },
    ],
    vulnerabilities: [],
    matches: [],
    secrets: [],
    misconfigurations: [],
  }
}
