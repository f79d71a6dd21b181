import { mkdir } from 'node:fs/promises'
import { Injectable, type OnApplicationShutdown } from '@nestjs/common'
import { EngineClient, UnitMatcher, WorkDirectories } from '@pharos/scanners'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { EngineTools } from '../engines/engine-tools.js'
import { WorkerMetrics } from '../metrics/worker-metrics.js'
import { storageLayout } from '../storage/storage-layout.js'

/**
 * The engine that takes part in re-matches: a process of its own, so that scans go on in the active database and neither has to
 * open its database again and again. It is there only while there is work.
 */
@Injectable()
export class RematchEngine implements OnApplicationShutdown {
  private kept:
    | { readonly matcher: UnitMatcher; readonly client: EngineClient; readonly program: string; readonly directory: string }
    | undefined
  private making: Promise<UnitMatcher> | undefined

  constructor(
    private readonly tools: EngineTools,
    private readonly workDirectories: WorkDirectories,
    private readonly metrics: WorkerMetrics,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  /** Version of the matcher; null where no engine is built: the commands cannot match packages apart from their image. */
  get version(): string | null {
    return this.tools.mode.kind === 'engine' ? this.tools.mode.hello.grypeVersion : null
  }

  /** The matcher, its process started with the first request. */
  matcher(): Promise<UnitMatcher> {
    this.making ??= this.make().finally(() => {
      this.making = undefined
    })
    return this.making
  }

  /** Ends the process and frees its memory. */
  async rest(): Promise<void> {
    const { kept } = this
    this.kept = undefined
    if (kept === undefined) return
    await kept.client.close()
    await this.workDirectories.remove(kept.directory)
  }

  async onApplicationShutdown(): Promise<void> {
    await this.rest()
  }

  private async make(): Promise<UnitMatcher> {
    const { mode } = this.tools
    if (mode.kind !== 'engine') throw new Error('a part of a re-match was taken without an engine')
    if (this.kept?.program === mode.program) return this.kept.matcher
    await this.rest()
    const { engines, images } = this.configuration
    const layerCacheDirectory = storageLayout(this.configuration).layers
    await mkdir(layerCacheDirectory, { recursive: true })
    const directory = await this.workDirectories.create('rematch')
    const client = new EngineClient({
      program: mode.program,
      workDirectory: directory,
      layerCacheDirectory,
      layerCacheBytes: 0,
      memoryLimitBytes: engines.memoryLimitBytes,
      softMemoryLimitBytes: engines.memoryLimitBytes,
      maxLayerBytes: images.maxLayerBytes,
      maxImageBytes: images.maxUnpackedBytes,
      maxFiles: images.maxFiles,
      onRestart: (reason) => this.metrics.engineRestarted(reason),
    })
    const matcher = new UnitMatcher(client, directory, mode.hello.grypeVersion)
    this.kept = { matcher, client, program: mode.program, directory }
    return matcher
  }
}
