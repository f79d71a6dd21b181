import { isAbsolute, join, resolve } from 'node:path'
import { Injectable, type OnModuleInit } from '@nestjs/common'
import { type CataloguerIdentity, type EngineCapability, type EngineName, PharosError } from '@pharos/contracts'
import {
  type DatabaseStatus,
  engineCataloguerIdentity,
  type EngineHello,
  GrypeDatabases,
  locateTool,
  probeEngine,
  SyftCommand,
  toolDefinitions,
  type ToolLocation,
  type ToolName,
  TrivyDatabases,
  WorkDirectories,
} from '@pharos/scanners'
import { HealthRegistry, InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'

/** How images are catalogued and matched by Grype. */
export type ScanMode =
  | { readonly kind: 'engine'; readonly program: string; readonly hello: EngineHello }
  | { readonly kind: 'commands'; readonly syft: { path: string; version: string }; readonly grype: { path: string; version: string } }
  | { readonly kind: 'none'; readonly reason: string }

/** Something that imports database archives. */
export interface DatabaseImporter {
  import(archivePath: string, directory: string, workDirectory: string): Promise<DatabaseStatus>
}

/** Tools that lack are looked for again after this: somebody may have installed them. */
const lookAgainMs = 60_000

/** The scanners of this machine: which are here, in which version, and why the others are not. */
@Injectable()
export class EngineTools implements OnModuleInit {
  private locations = new Map<ToolName, ToolLocation>()
  private current: ScanMode = { kind: 'none', reason: 'The tools have not been looked for yet.' }
  private lookedAtMs = 0
  private told: ReadonlySet<string> = new Set()

  constructor(
    private readonly workDirectories: WorkDirectories,
    private readonly logger: PharosLogger,
    private readonly health: HealthRegistry,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  async onModuleInit(): Promise<void> {
    await this.look()
    this.health.addCheck(
      'scan-engine',
      async () => {
        await this.lookAgain()
        if (this.current.kind === 'none' && !this.hasTrivy) throw new Error(this.current.reason)
      },
      { timeoutMs: 30_000 },
    )
  }

  get mode(): ScanMode {
    return this.current
  }

  /** Who would catalogue; null when nobody can. */
  get cataloguer(): CataloguerIdentity | null {
    if (this.current.kind === 'engine') return engineCataloguerIdentity(this.current.hello)
    return this.current.kind === 'commands' ? new SyftCommand(this.current.syft.path, this.current.syft.version).identity : null
  }

  get trivy(): ToolLocation {
    return this.location('trivy')
  }

  /** What this worker can do, for results-service. */
  get capabilities(): EngineCapability[] {
    const { current } = this
    const own = {
      engine: {
        syft: current.kind === 'engine' ? current.hello.syftVersion : null,
        grype: current.kind === 'engine' ? current.hello.grypeVersion : null,
      },
    }
    const fromMode = (engine: 'grype' | 'syft'): EngineCapability => {
      if (current.kind === 'none') return { engine, version: null, available: false, reason: current.reason }
      return { engine, version: current.kind === 'engine' ? own.engine[engine] : current[engine].version, available: true, reason: null }
    }
    const trivy = this.trivy
    return [
      fromMode('grype'),
      fromMode('syft'),
      {
        engine: 'trivy',
        version: trivy.outcome === 'found' ? trivy.version : null,
        available: trivy.outcome === 'found',
        reason: trivy.outcome === 'found' ? null : trivy.reason,
      },
    ]
  }

  /** Who imports databases of an engine. @throws PharosError `engine-unavailable` */
  databases(engine: EngineName): DatabaseImporter {
    if (engine === 'trivy') return new TrivyDatabases()
    const grype = this.location('grype')
    if (grype.outcome === 'unavailable')
      throw new PharosError('engine-unavailable', `A database cannot be imported without the grype command. ${grype.reason}`)
    return new GrypeDatabases(grype.path)
  }

  /** Looks for tools again if some lack and the last look is a while ago. */
  async lookAgain(): Promise<void> {
    const isComplete = this.current.kind !== 'none' && this.hasTrivy
    if (!isComplete && performance.now() - this.lookedAtMs > lookAgainMs) await this.look()
  }

  private get hasTrivy(): boolean {
    return this.trivy.outcome === 'found'
  }

  private location(tool: ToolName): ToolLocation {
    return this.locations.get(tool) ?? { outcome: 'unavailable', tool, reason: `${tool} has not been looked for yet.` }
  }

  private async look(): Promise<void> {
    this.lookedAtMs = performance.now()
    const { engines } = this.configuration
    const workDirectory = await this.workDirectories.create('probe')
    let hello: EngineHello | undefined
    try {
      const search = (configuredPath: string | undefined) => ({
        configuredPath: configuredPath === undefined || isAbsolute(configuredPath) ? configuredPath : resolve(configuredPath),
        searchPath: engines.searchPath,
        toolsDirectory: resolve(join(engines.home, 'tools', 'bin')),
        workDirectory,
      })
      const probe = async (path: string) => {
        const probed = await probeEngine(path, workDirectory)
        if (probed.outcome === 'unavailable') return { outcome: 'unreadable' as const, reason: probed.reason }
        hello = probed.hello
        return { outcome: 'read' as const, version: probed.hello.engineVersion }
      }
      const found = await Promise.all(
        [
          engines.scanEngine === 'commands' ? [] : [locateTool(toolDefinitions['pharos-engine'], { ...search(engines.enginePath), probe })],
          [
            locateTool(toolDefinitions.grype, search(engines.grypePath)),
            locateTool(toolDefinitions.syft, search(engines.syftPath)),
            locateTool(toolDefinitions.trivy, search(engines.trivyPath)),
          ],
        ].flat(),
      )
      this.locations = new Map(found.map((location) => [location.tool, location]))
    } finally {
      await this.workDirectories.remove(workDirectory)
    }
    this.current = this.choose(hello)
    this.tellNews()
  }

  /** Tools are looked for each minute while some lack: only what has changed since the last look is logged. */
  private tellNews(): void {
    const news = new Map<string, () => void>()
    for (const location of this.locations.values()) {
      const fields =
        location.outcome === 'found'
          ? { tool: location.tool, path: location.path, version: location.version, source: location.source }
          : { tool: location.tool, reason: location.reason }
      const message = location.outcome === 'found' ? 'tool found' : 'tool unavailable'
      news.set(JSON.stringify(fields), () => this.logger.info(message, fields))
    }
    const choice = { kind: this.current.kind, ...(this.current.kind === 'none' ? { reason: this.current.reason } : {}) }
    news.set(JSON.stringify(choice), () => this.logger.info('scan engine chosen', choice))
    for (const [text, tell] of news) if (!this.told.has(text)) tell()
    this.told = new Set(news.keys())
  }

  private choose(hello: EngineHello | undefined): ScanMode {
    const { scanEngine } = this.configuration.engines
    const engine = this.location('pharos-engine')
    if (scanEngine !== 'commands' && engine.outcome === 'found' && hello !== undefined)
      return { kind: 'engine', program: engine.path, hello }
    if (scanEngine === 'engine')
      return { kind: 'none', reason: engine.outcome === 'unavailable' ? engine.reason : 'The scan engine did not answer.' }
    const [syft, grype] = [this.location('syft'), this.location('grype')]
    if (syft.outcome === 'found' && grype.outcome === 'found') return { kind: 'commands', syft, grype }
    return {
      kind: 'none',
      reason: [engine, syft, grype].flatMap((location) => (location.outcome === 'unavailable' ? [location.reason] : [])).join(' '),
    }
  }
}
