import { mkdir } from 'node:fs/promises'
import { Injectable, type OnApplicationShutdown } from '@nestjs/common'
import { type EngineName, PharosError } from '@pharos/contracts'
import {
  type Cataloguer,
  EngineClient,
  engineCataloguerIdentity,
  EngineScanner,
  GrypeCommand,
  type Scanner,
  SyftCommand,
  TrivyCommand,
  WorkDirectories,
} from '@pharos/scanners'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { WorkerMetrics } from '../metrics/worker-metrics.js'
import { storageLayout } from '../storage/storage-layout.js'
import { EngineTools } from './engine-tools.js'

/** The engines that one scan uses. */
export interface Engines {
  readonly cataloguer: Cataloguer
  readonly grype: Scanner
}

interface Kept {
  readonly engines: Engines
  readonly client: EngineClient
  readonly program: string
}

/** One engine process a slot, started at its first scan and kept. */
@Injectable()
export class SlotEngines implements OnApplicationShutdown {
  private readonly kept = new Map<number, Kept>()

  constructor(
    private readonly tools: EngineTools,
    private readonly workDirectories: WorkDirectories,
    private readonly metrics: WorkerMetrics,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  async onApplicationShutdown(): Promise<void> {
    await Promise.all([...this.kept.values()].map(({ client }) => client.close()))
  }

  /** The engines of a slot. @throws PharosError `engine-unavailable` */
  async of(slotIndex: number): Promise<Engines> {
    const { mode } = this.tools
    if (mode.kind === 'none') throw new PharosError('engine-unavailable', mode.reason)
    if (mode.kind === 'commands')
      return {
        cataloguer: new SyftCommand(mode.syft.path, mode.syft.version),
        grype: new GrypeCommand(mode.grype.path, mode.grype.version),
      }
    const known = this.kept.get(slotIndex)
    if (known?.program === mode.program) return known.engines
    await known?.client.close()
    const { engines, caches, images } = this.configuration
    const layerCacheDirectory = storageLayout(this.configuration).layers
    await mkdir(layerCacheDirectory, { recursive: true })
    const client = new EngineClient({
      program: mode.program,
      workDirectory: await this.workDirectories.create('engine'),
      layerCacheDirectory,
      layerCacheBytes: caches.layerBytes,
      memoryLimitBytes: engines.memoryLimitBytes,
      softMemoryLimitBytes: engines.memorySoftLimitBytes,
      maxLayerBytes: images.maxLayerBytes,
      maxImageBytes: images.maxUnpackedBytes,
      maxFiles: images.maxFiles,
      onRestart: (reason) => this.metrics.engineRestarted(reason),
    })
    const scanner = new EngineScanner(client, engineCataloguerIdentity(mode.hello), mode.hello.grypeVersion)
    this.kept.set(slotIndex, { engines: { cataloguer: scanner, grype: scanner }, client, program: mode.program })
    return { cataloguer: scanner, grype: scanner }
  }

  /** Trivy of this machine. @throws PharosError `engine-unavailable` */
  trivy(): Scanner {
    const location = this.tools.trivy
    if (location.outcome === 'unavailable') throw new PharosError('engine-unavailable', location.reason)
    const { trivyServer, trivyToken } = this.configuration.engines
    return new TrivyCommand(
      location.path,
      location.version,
      trivyServer === undefined ? undefined : { url: trivyServer, token: trivyToken },
    )
  }

  /** Whether an engine takes its database from a generation, and not from a server of its own. */
  needsGeneration(engine: EngineName): boolean {
    return engine === 'grype' || this.configuration.engines.trivyServer === undefined
  }
}
