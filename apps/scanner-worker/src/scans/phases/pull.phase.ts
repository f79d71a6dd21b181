import { join } from 'node:path'
import { Injectable } from '@nestjs/common'
import { PharosError, type ResolvedImage } from '@pharos/contracts'
import { BlobCache, parseImageReference, parsePlatform, type PulledImage, type ResolvedImage as RemoteImage } from '@pharos/registry'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../../configuration.js'
import { EngineTools } from '../../engines/engine-tools.js'
import { PhaseRunner } from '../phase-runner.js'
import type { ScanAttempt } from '../scan-attempt.js'
import type { ResolvedRun } from './resolve.phase.js'

/** Brings the image to disk as an OCI layout, if anything that follows reads it. */
@Injectable()
export class PullPhase {
  constructor(
    private readonly phases: PhaseRunner,
    private readonly blobCache: BlobCache,
    private readonly tools: EngineTools,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  /** Null when an SBOM is all that is needed. */
  async run(attempt: ScanAttempt, resolved: ResolvedRun): Promise<PulledImage | null> {
    const { task } = attempt.claim
    const readsImage = task.engines.includes('trivy') && this.tools.trivy.outcome === 'found'
    if (task.sbomDigest !== null || (resolved.hasCatalogue && !readsImage)) return null
    return this.pull(attempt, resolved)
  }

  /** Pulls whatever is known of the image: also when a stored catalogue turns out to be gone. */
  async pull(attempt: ScanAttempt, resolved: ResolvedRun): Promise<PulledImage> {
    return this.phases.run(attempt, 'pull', this.configuration.timeouts.pullMs, async (signal) => {
      const remote = resolved.remote ?? (await this.findAgain(attempt, resolved.image, signal))
      const pulled = await attempt.registry.use(remote.reference.registry, (client) =>
        client.pull(remote, {
          blobCache: this.blobCache,
          layoutDirectory: join(attempt.workDirectory, 'layout'),
          signal,
          onProgress: ({ blobsDone, blobsTotal }) => attempt.lease.describe(`${blobsDone} of ${blobsTotal} blobs`),
        }),
      )
      // What follows needs no registry: its place is for others.
      await attempt.registry.close()
      return pulled
    })
  }

  /** The image at its digest, in the repository that the task names: its tag may lead elsewhere by now. */
  private async findAgain({ claim, registry }: ScanAttempt, image: ResolvedImage, signal: AbortSignal): Promise<RemoteImage> {
    if (claim.task.reference === null) throw new PharosError('sbom-invalid', 'The image is known by its SBOM only; it cannot be pulled.')
    const reference = { ...parseImageReference(claim.task.reference), tag: null, digest: image.digest }
    return registry.use(reference.registry, (client) => client.resolve(reference, parsePlatform(image.platform), { signal }))
  }
}
