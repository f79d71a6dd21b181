import { Injectable } from '@nestjs/common'
import { PharosError, type RegistryAccess, type Watch } from '@pharos/contracts'
import { parseRepository } from '@pharos/registry'
import type { Transaction } from '../database/transaction.js'
import { RegistryAccessService } from '../registries/registry-access.service.js'
import { toWatch } from './watch-view.js'
import { WatchesRepository } from './watches.repository.js'

/** What a scheduler needs to resolve the tags of a watch, or why it cannot be given that. */
export type WatchTarget = (Watch & { readonly registry: RegistryAccess }) | { readonly problem: string }

/** Finds watches together with the access to their registry. */
@Injectable()
export class WatchTargets {
  constructor(
    private readonly watches: WatchesRepository,
    private readonly registries: RegistryAccessService,
  ) {}

  async targetOf(tx: Transaction, id: string): Promise<WatchTarget> {
    const row = await this.watches.find(tx, id)
    if (row === null) return { problem: 'the watch was removed' }
    try {
      return { ...toWatch(row), registry: await this.registries.accessTo(tx, parseRepository(row.repository).registry) }
    } catch (error) {
      if (!(error instanceof PharosError)) throw error
      await this.watches.setProblem(tx, id, error.detail)
      return { problem: error.detail.slice(0, 500) }
    }
  }
}
