import { createWriteStream } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { Injectable } from '@nestjs/common'
import { type DatabaseGeneration, type GenerationVerdict, PharosError, type ProblemCode } from '@pharos/contracts'
import { type DatabaseStatus, GrypeDatabases, locateTool, toolDefinitions, TrivyDatabases } from '@pharos/scanners'
import { InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { SchedulerConfiguration } from '../configuration.js'
import { ResultsClient } from '../results/results.client.js'
import { CanaryCheckService } from './canary-check.service.js'
import { DatabaseWorkspace } from './database-workspace.js'

const refusingCodes: ReadonlySet<ProblemCode> = new Set(['database-damaged', 'database-unsupported', 'database-canary-failed'])

/** Opens candidate databases with the real engine before anybody matches with them. */
@Injectable()
export class CandidateCheckService {
  constructor(
    private readonly results: ResultsClient,
    private readonly workspace: DatabaseWorkspace,
    private readonly canary: CanaryCheckService,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: SchedulerConfiguration,
  ) {}

  /** Judges all candidates; answers how many. One that cannot be judged now stays a candidate. */
  async checkAll(signal: AbortSignal): Promise<number> {
    const { items } = await this.results.candidates()
    let judged = 0
    for (const candidate of items) {
      if (signal.aborted) return judged
      const verdict = await this.check(candidate, signal)
      if (verdict === null) continue
      await this.pass(candidate, verdict)
      judged += 1
    }
    return judged
  }

  /** Passes the verdict on. That the database is not newer, or that another replica was faster, settles it as well. */
  private async pass(candidate: DatabaseGeneration, verdict: GenerationVerdict): Promise<void> {
    const settled = { generation: candidate.id, engine: candidate.engine }
    try {
      const { state } = await this.results.judgeGeneration(candidate.id, verdict)
      this.logger.info('candidate judged', { ...settled, state, problem: verdict.problem })
    } catch (error) {
      if (!(error instanceof PharosError) || (error.code !== 'database-older' && error.code !== 'conflict')) throw error
      this.logger.info('candidate settled', { ...settled, reason: error.detail })
    }
  }

  private async check(candidate: DatabaseGeneration, signal: AbortSignal): Promise<GenerationVerdict | null> {
    try {
      const status = await this.workspace.use('candidate', (directory) => this.open(candidate, directory, signal))
      return {
        accepted: true,
        schemaVersion: status.schemaVersion,
        builtAt: status.builtAt,
        isSample: status.isSample,
        problem: null,
        allowOlder: false,
      }
    } catch (error) {
      if (!(error instanceof PharosError)) throw error
      // The archive is at fault: refused. The machine is at fault: tried again later.
      if (refusingCodes.has(error.code)) {
        return {
          accepted: false,
          schemaVersion: null,
          builtAt: null,
          isSample: false,
          problem: error.detail.slice(0, 500),
          allowOlder: false,
        }
      }
      this.logger.warn('candidate unjudged', { generation: candidate.id, engine: candidate.engine, error })
      return null
    }
  }

  private async open(candidate: DatabaseGeneration, directory: string, signal: AbortSignal): Promise<DatabaseStatus> {
    const archive = join(directory, 'archive')
    const target = join(directory, 'database')
    await mkdir(target)
    await pipeline(await this.results.downloadArchive(candidate.id), createWriteStream(archive), { signal })
    if (candidate.engine === 'trivy') return new TrivyDatabases().import(archive, target, directory, signal)
    const { grypePath, searchPath, toolsDirectory } = this.configuration.databases
    const location = await locateTool(toolDefinitions.grype, {
      configuredPath: grypePath,
      searchPath,
      toolsDirectory,
      workDirectory: directory,
    })
    if (location.outcome === 'unavailable') throw new PharosError('engine-unavailable', location.reason)
    const status = await new GrypeDatabases(location.path).import(archive, target, directory, signal)
    await this.canary.check(target, directory, signal)
    return status
  }
}
