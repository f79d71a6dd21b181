import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import { type CataloguerIdentity, PharosError } from '@pharos/contracts'
import type { PulledImage } from '@pharos/registry'
import { Catalogue, type Cataloguer, type EngineLimits, readCatalogue } from '@pharos/scanners'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../../configuration.js'
import { EngineTools } from '../../engines/engine-tools.js'
import { SlotEngines } from '../../engines/slot-engines.js'
import { ResultsClient } from '../../results/results.client.js'
import { PhaseRunner } from '../phase-runner.js'
import type { ScanAttempt } from '../scan-attempt.js'
import type { ResolvedRun } from './resolve.phase.js'

/** The image's packages, and the SBOM that they were read from. */
export interface Catalogued {
  readonly catalogue: Catalogue
  /** Gzipped syft-json; null when nobody could catalogue and Trivy alone looks at the image. */
  readonly sbomPath: string | null
  readonly identity: CataloguerIdentity | null
  /** The stored catalogue was used. */
  readonly isReused: boolean
  /** Ends when the SBOM is stored; the report waits for it. */
  readonly uploaded: Promise<void>
  /** Stores the SBOM once more; null when it need not be. */
  readonly upload: ((signal: AbortSignal) => Promise<void>) | null
}

/** Gets the catalogue: the stored one, a posted SBOM, or a new one. */
@Injectable()
export class CataloguePhase {
  constructor(
    private readonly phases: PhaseRunner,
    private readonly results: ResultsClient,
    private readonly tools: EngineTools,
    private readonly engines: SlotEngines,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  async run(attempt: ScanAttempt, resolved: ResolvedRun, pulled: PulledImage | null): Promise<Catalogued> {
    return this.phases.run(attempt, 'catalogue', this.configuration.timeouts.catalogueMs, async (signal) => {
      const { task } = attempt.claim
      if (task.sbomDigest !== null) return this.posted(attempt, signal)
      if (resolved.hasCatalogue) return this.stored(attempt, signal)
      if (pulled === null) throw new PharosError('internal-error', 'There is neither a catalogue nor an image to make one of.')
      if (this.tools.mode.kind === 'none' && task.engines.includes('trivy') && this.tools.trivy.outcome === 'found')
        return withoutCataloguer()
      return this.made(attempt, resolved, pulled, signal)
    })
  }

  private async stored(attempt: ScanAttempt, signal: AbortSignal): Promise<Catalogued> {
    const sbomPath = join(attempt.workDirectory, 'sbom.json.gz')
    await this.results.getSbom(attempt.key, sbomPath, signal)
    return {
      catalogue: await this.read(sbomPath),
      sbomPath,
      identity: this.tools.cataloguer,
      isReused: true,
      uploaded: Promise.resolve(),
      upload: null,
    }
  }

  private async posted(attempt: ScanAttempt, signal: AbortSignal): Promise<Catalogued> {
    const postedPath = join(attempt.workDirectory, 'posted-sbom')
    await this.results.getSbom(attempt.key, postedPath, signal)
    try {
      return await this.kept(attempt, postedPath, this.tools.cataloguer, signal)
    } catch (error) {
      if (!(error instanceof PharosError) || error.code !== 'sbom-invalid') throw error
      // Not syft-json: CycloneDX or SPDX, which the cataloguer reads.
      const sbomPath = join(attempt.workDirectory, 'sbom.json.gz')
      const { cataloguer } = await this.engines.of(attempt.slotIndex)
      await cataloguer.convert({ sourcePath: postedPath, sbomPath, workDirectory: attempt.workDirectory, limits: this.limits(), signal })
      return this.kept(attempt, sbomPath, cataloguer.identity, signal)
    }
  }

  private async made(attempt: ScanAttempt, resolved: ResolvedRun, pulled: PulledImage, signal: AbortSignal): Promise<Catalogued> {
    const sbomPath = join(attempt.workDirectory, 'sbom.json.gz')
    const { cataloguer } = await this.engines.of(attempt.slotIndex)
    await catalogueWith(cataloguer, attempt, resolved, pulled, sbomPath, this.limits(), signal)
    return this.kept(attempt, sbomPath, cataloguer.identity, signal)
  }

  private async kept(
    attempt: ScanAttempt,
    sbomPath: string,
    identity: CataloguerIdentity | null,
    signal: AbortSignal,
  ): Promise<Catalogued> {
    const catalogue = await this.read(sbomPath)
    const upload = async (uploadSignal: AbortSignal): Promise<void> =>
      this.results.putSbom(attempt.key, await readFile(sbomPath), uploadSignal)
    const uploaded = upload(attempt.lease.signal)
    // The report waits for it and has its error; until then nobody listens.
    uploaded.catch(() => undefined)
    signal.throwIfAborted()
    return { catalogue, sbomPath, identity, isReused: false, uploaded, upload }
  }

  private read(sbomPath: string): Promise<Catalogue> {
    return readCatalogue(sbomPath, this.configuration.engines.outputLimitBytes)
  }

  private limits(): EngineLimits {
    const { engines, timeouts } = this.configuration
    return { timeoutMs: timeouts.catalogueMs, memoryLimitBytes: engines.memoryLimitBytes, outputLimitBytes: engines.outputLimitBytes }
  }
}

function catalogueWith(
  cataloguer: Cataloguer,
  attempt: ScanAttempt,
  { image }: ResolvedRun,
  pulled: PulledImage,
  sbomPath: string,
  limits: EngineLimits,
  signal: AbortSignal,
): Promise<void> {
  return cataloguer.catalogue({
    layoutDirectory: pulled.layoutDirectory,
    manifestDigest: image.digest,
    platform: image.platform,
    reference: attempt.claim.task.reference ?? image.digest,
    sbomPath,
    workDirectory: attempt.workDirectory,
    limits,
    signal,
  })
}

function withoutCataloguer(): Catalogued {
  return {
    catalogue: new Catalogue({ name: 'none', version: '' }, null, []),
    sbomPath: null,
    identity: null,
    isReused: false,
    uploaded: Promise.resolve(),
    upload: null,
  }
}
