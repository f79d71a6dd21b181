import { Injectable } from '@nestjs/common'
import type { ClaimAttempt, ScanJob } from '@pharos/contracts'
import { WorkDirectories } from '@pharos/scanners'
import { InjectConfiguration } from '@pharos/service-kit'
import type { WorkerConfiguration } from '../configuration.js'
import { EngineTools } from '../engines/engine-tools.js'
import { createAttemptRegistry } from '../registries/attempt-registry.js'
import { RegistryLimiter } from '../registries/registry-limiter.js'
import { RegistrySession } from '../registries/registry-session.js'
import { ResultsClient } from '../results/results.client.js'
import { WorkerIdentity } from '../workers/worker-identity.js'
import { AttemptEnvironment } from './attempt-environment.js'
import { AttemptLease } from './attempt-lease.js'
import type { Claim, ScanAttempt } from './scan-attempt.js'

/** Makes what an attempt needs: its lease, its way to the registry, its private folder. */
@Injectable()
export class AttemptFactory {
  constructor(
    private readonly results: ResultsClient,
    private readonly limiter: RegistryLimiter,
    private readonly tools: EngineTools,
    private readonly identity: WorkerIdentity,
    private readonly environment: AttemptEnvironment,
    private readonly workDirectories: WorkDirectories,
    @InjectConfiguration() private readonly configuration: WorkerConfiguration,
  ) {}

  claimOf({ taskId, attempt }: ScanJob): ClaimAttempt {
    return { taskId, attempt, workerId: this.identity.id, engines: this.tools.capabilities, cataloguer: this.tools.cataloguer }
  }

  async create(claim: Claim, slotIndex: number): Promise<ScanAttempt> {
    const key = { attemptId: claim.attemptId, token: claim.token }
    const { clock, logger } = this.environment
    const lease = new AttemptLease(this.results, key, claim.leaseMs, clock, logger)
    const client = createAttemptRegistry(claim.registry, {
      maxImageBytes: this.configuration.images.maxImageBytes,
      dockerConfigDirectory: this.configuration.registries.dockerConfig,
      signal: lease.signal,
    })
    const registry = new RegistrySession(this.limiter, claim.registry, client)
    lease.start(() => registry.renew())
    return { claim, key, lease, registry, slotIndex, workDirectory: await this.workDirectories.create('scan') }
  }
}
