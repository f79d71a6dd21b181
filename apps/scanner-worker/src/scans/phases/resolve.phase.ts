import { Injectable } from '@nestjs/common'
import { PharosError, type ResolveDecision, type ResolvedImage } from '@pharos/contracts'
import { formatPlatform, parseImageReference, parsePlatform, type ResolvedImage as RemoteImage } from '@pharos/registry'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../../configuration.js'
import { ResultsClient } from '../../results/results.client.js'
import { PhaseRunner } from '../phase-runner.js'
import type { ScanAttempt } from '../scan-attempt.js'

/** An image that is to be scanned in this attempt. */
export interface ResolvedRun {
  readonly decision: 'run'
  readonly image: ResolvedImage
  readonly hasCatalogue: boolean
  /** The image as the registry client found it; null when results-service knew it. */
  readonly remote: RemoteImage | null
}

/** Finds the manifest that a reference means, and asks results-service whether it is to be scanned now. */
@Injectable()
export class ResolvePhase {
  constructor(
    private readonly phases: PhaseRunner,
    private readonly results: ResultsClient,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  async run(attempt: ScanAttempt): Promise<ResolvedRun | Exclude<ResolveDecision, { decision: 'run' }>> {
    const { claim } = attempt
    // A rescan of a stored image: the run was decided with the claim.
    if (claim.resolved !== null && claim.runId !== null)
      return { decision: 'run', image: claim.resolved, hasCatalogue: claim.hasCatalogue, remote: null }
    if (claim.task.sbomDigest !== null && claim.runId !== null)
      return { decision: 'run', image: postedImage(claim.task.sbomDigest, claim.task.platform), hasCatalogue: false, remote: null }
    return this.phases.run(attempt, 'resolve', this.configuration.timeouts.resolveMs, async (signal) => {
      const remote = claim.resolved === null ? await this.find(attempt, signal) : null
      const image = claim.resolved ?? mapRemoteImage(remote ?? unresolved())
      const decision = await this.results.resolved(attempt.key, image, signal)
      return decision.decision === 'run' ? { decision: 'run', image, hasCatalogue: decision.hasCatalogue, remote } : decision
    })
  }

  private async find({ claim, registry }: ScanAttempt, signal: AbortSignal): Promise<RemoteImage> {
    const reference = parseImageReference(claim.task.reference ?? unresolved())
    const platform = parsePlatform(claim.task.platform)
    return registry.use(reference.registry, (client) => client.resolve(reference, platform, { signal }))
  }
}

function unresolved(): never {
  throw new PharosError('reference-invalid', 'The task names neither an image nor an SBOM.')
}

/** A posted SBOM stands for an image of which nothing else is known. */
function postedImage(digest: string, platform: string): ResolvedImage {
  return {
    digest,
    platform,
    indexDigest: null,
    mediaType: 'application/json',
    configDigest: null,
    sizeBytes: 0,
    layers: [],
    annotations: {},
    reference: null,
    indexPlatforms: [],
  }
}

/** The registry client's view of an image in the contract's words. */
function mapRemoteImage(remote: RemoteImage): ResolvedImage {
  return {
    digest: remote.manifestDigest,
    indexDigest: remote.indexDigest,
    mediaType: remote.mediaType,
    platform: formatPlatform(remote.platform),
    configDigest: remote.configDigest,
    sizeBytes: remote.sizeBytes,
    layers: remote.layers,
    annotations: remote.annotations,
    reference: { registry: remote.reference.registry, repository: remote.reference.path, tag: remote.reference.tag },
    indexPlatforms: remote.indexPlatforms,
  }
}
