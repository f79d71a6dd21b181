import { Injectable } from '@nestjs/common'
import type { EngineName } from '@pharos/contracts'
import type { Transaction } from '../database/transaction.js'
import { RematchPlanner } from '../rematches/rematch-planner.js'
import { RematchStore } from '../rematches/rematch-store.js'
import { GenerationTransitions } from './generation-transitions.js'
import type { GenerationRow } from './generation-view.js'

/** Why a generation that is not newer is refused. */
export const newerDetail = 'The database is not newer than the active one.'

const supersededDetail = 'A newer database came before anything was matched in this one.'

/**
 * Decides what follows from accepted candidates: the newest is matched, or is active at once where there is nothing to match. One
 * re-match runs at a time. One that has brought nothing yet is given up for a newer database; any other is finished first, and the
 * candidate waits.
 */
@Injectable()
export class CandidateJudgement {
  constructor(
    private readonly transitions: GenerationTransitions,
    private readonly rematches: RematchStore,
    private readonly planner: RematchPlanner,
  ) {}

  /** Runs under the lock of the engine, whenever a candidate was accepted or a re-match has ended. */
  async settle(tx: Transaction, engine: EngineName): Promise<void> {
    const active = await this.transitions.findActive(tx, engine)
    const running = await this.rematches.lockRunning(tx, engine)
    // One that is being matched is as good as active: a candidate has to be newer than it.
    const ahead = running?.cause === 'database' ? await this.transitions.find(tx, running.generation_id) : active
    const waiting: GenerationRow[] = []
    for (const candidate of await this.transitions.accepted(tx, engine)) {
      if (isOlder(candidate, ahead)) await this.transitions.refuse(tx, candidate, newerDetail)
      else waiting.push(candidate)
    }
    const [next] = waiting
    if (next === undefined) return
    if (running !== null) {
      if (await this.rematches.hasStaged(tx, running.id)) return
      await this.rematches.end(tx, running.id, 'abandoned', { report: null, problem: supersededDetail })
      if (running.cause === 'database' && ahead !== null) await this.transitions.refuse(tx, ahead, supersededDetail)
    }
    await this.take(tx, next, active)
  }

  private async take(tx: Transaction, candidate: GenerationRow, active: GenerationRow | null): Promise<void> {
    const rematch =
      active === null
        ? null
        : await this.planner.begin(tx, {
            engine: candidate.engine,
            generationId: candidate.id,
            judgedGenerationId: active.id,
            narrowedBy: active.id,
            cause: 'database',
            by: 'service:scheduler',
          })
    if (rematch !== null) return this.transitions.beginMatching(tx, candidate.id)
    await this.transitions.activate(tx, candidate)
    // What else has waited has a newer one ahead of it now, or its turn.
    await this.settle(tx, candidate.engine)
  }
}

function isOlder(candidate: GenerationRow, ahead: GenerationRow | null): boolean {
  if (candidate.allow_older || candidate.built_at === null || ahead === null || ahead.built_at === null) return false
  return candidate.built_at <= ahead.built_at
}
