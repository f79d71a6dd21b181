import { Injectable } from '@nestjs/common'
import type { GenerationRef, RegistryAccess, ResolvedImage } from '@pharos/contracts'
import { parseImageReference } from '@pharos/registry'
import type { Transaction } from '../database/transaction.js'
import { RegistryAccessService } from '../registries/registry-access.service.js'
import { ScanStorage } from '../runs/scan-storage.js'
import type { AttemptTask } from './attempts.repository.js'

/** What the claim needs to know beside the task: read before anything is written. */
export interface ClaimGround {
  readonly generations: GenerationRef[]
  readonly registry: RegistryAccess | null
  readonly resolved: ResolvedImage | null
}

/** Finds what an attempt works with: database generations, access to its registry, the image when it is known. */
@Injectable()
export class ClaimGrounds {
  constructor(
    private readonly storage: ScanStorage,
    private readonly registries: RegistryAccessService,
  ) {}

  /** Throws a permanent `PharosError` when the task cannot be worked on, e.g. `registry-credential-unavailable`. */
  async of(tx: Transaction, task: AttemptTask): Promise<ClaimGround> {
    const generations = (await this.storage.activeGenerations(tx)).filter((generation) => task.engines.includes(generation.engine))
    if (task.sbomDigest !== null) return { generations, registry: null, resolved: null }
    // A forced rescan resolves and pulls again; so does one of an image that was removed meanwhile.
    const resolved = task.knownDigest === null || task.isForced ? null : await this.storage.resolvedOf(tx, task.knownDigest)
    return { generations, registry: await this.registries.accessTo(tx, parseImageReference(task.image).registry), resolved }
  }
}
