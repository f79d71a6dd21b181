import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Injectable, type OnModuleInit } from '@nestjs/common'
import { type Canary, PharosError } from '@pharos/contracts'
import {
  checkCanary,
  EngineClient,
  type EngineHello,
  locateTool,
  probeEngine,
  readCanary,
  toolDefinitions,
  UnitMatcher,
} from '@pharos/scanners'
import { InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { SchedulerConfiguration } from '../configuration.js'

const memoryLimitBytes = 3 * 1024 ** 3
const limits = { timeoutMs: 300_000, memoryLimitBytes, outputLimitBytes: 64 * 1024 ** 2 }
const namedLimit = 4

/** Tries a new database on packages with known vulnerabilities, before it judges the fleet. */
@Injectable()
export class CanaryCheckService implements OnModuleInit {
  private canary: Canary | undefined

  constructor(
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: SchedulerConfiguration,
  ) {}

  /** A file that cannot be read is a mistake in the configuration: the scheduler does not start. */
  async onModuleInit(): Promise<void> {
    const { canary } = this.configuration.databases
    if (canary !== 'builtin' && canary !== 'off') this.canary = await readCanary(canary)
  }

  /**
   * Throws `database-canary-failed` with what was not found. Where the scan engine is not built nothing is tried, and the log says so:
   * without it no package is matched apart from its image either.
   */
  async check(databaseDirectory: string, workDirectory: string, signal: AbortSignal): Promise<void> {
    if (this.configuration.databases.canary === 'off') return
    const engine = await this.locate(workDirectory)
    if (engine === null) return
    const result = await this.try(engine, { databaseDirectory, workDirectory, signal })
    this.logger.info('canary tried', { passed: result.passed, required: result.requiredCount, missing: result.missing })
    if (result.passed) return
    const named = result.missing
      .slice(0, namedLimit)
      .map(
        ({ package: name, version, vulnerability, reason }) =>
          `${vulnerability} of ${name} ${version}${reason === null ? '' : ` (${reason})`}`,
      )
    const others = result.missing.length - named.length
    throw new PharosError(
      'database-canary-failed',
      `The canary misses ${named.join(', ')}${others > 0 ? ` and ${others} more` : ''} of ${result.requiredCount} that the database must find.`,
    )
  }

  private async locate(workDirectory: string): Promise<{ program: string; hello: EngineHello } | null> {
    const { enginePath, searchPath, toolsDirectory } = this.configuration.databases
    let hello: EngineHello | undefined
    const location = await locateTool(toolDefinitions['pharos-engine'], {
      configuredPath: enginePath,
      searchPath,
      toolsDirectory,
      workDirectory,
      probe: async (path: string) => {
        const probed = await probeEngine(path, workDirectory)
        if (probed.outcome === 'unavailable') return { outcome: 'unreadable' as const, reason: probed.reason }
        hello = probed.hello
        return { outcome: 'read' as const, version: probed.hello.engineVersion }
      },
    })
    if (location.outcome === 'found' && hello !== undefined) return { program: location.path, hello }
    this.logger.warn('canary untried', { reason: location.outcome === 'unavailable' ? location.reason : 'The scan engine did not answer.' })
    return null
  }

  private async try(
    engine: { program: string; hello: EngineHello },
    use: { databaseDirectory: string; workDirectory: string; signal: AbortSignal },
  ) {
    const layerCacheDirectory = join(use.workDirectory, 'canary-layers')
    await mkdir(layerCacheDirectory, { recursive: true })
    const client = new EngineClient({
      program: engine.program,
      workDirectory: use.workDirectory,
      layerCacheDirectory,
      layerCacheBytes: 0,
      memoryLimitBytes,
      softMemoryLimitBytes: memoryLimitBytes,
      maxLayerBytes: 1,
      maxImageBytes: 1,
      maxFiles: 1,
    })
    try {
      const matcher = new UnitMatcher(client, use.workDirectory, engine.hello.grypeVersion)
      return await checkCanary(matcher, use.databaseDirectory, { limits, signal: use.signal, canary: this.canary })
    } finally {
      await client.close()
    }
  }
}
