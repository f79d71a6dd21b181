import { type BeforeApplicationShutdown, Inject, Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { PharosError } from '@pharos/contracts'
import { CONFIGURATION, PharosLogger } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { CandidateJudgement } from '../generations/candidate-judgement.js'
import { GenerationTransitions } from '../generations/generation-transitions.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { stopIngest } from './ingest-lock.js'
import { RematchChunkStore } from './rematch-chunk-store.js'
import { RematchPlanner } from './rematch-planner.js'
import { RematchStore } from './rematch-store.js'
import { RematchSwitch, type SwitchOutcome } from './rematch-switch.js'

interface RunningRow {
  id: string
  engine: string
}

/** What the course of re-matches is made of. */
@Injectable()
export class RematchCourseTools {
  constructor(
    readonly rematches: RematchStore,
    readonly chunks: RematchChunkStore,
    readonly switchover: RematchSwitch,
    readonly transitions: GenerationTransitions,
    readonly judgement: CandidateJudgement,
    readonly planner: RematchPlanner,
  ) {}
}

/**
 * Sees re-matches through: gives up what nobody takes, and switches when everything has come in. Each replica looks; the row of
 * the re-match lets one of them act. A switch that breaks off has changed nothing and is done again.
 */
@Injectable()
export class RematchCourseService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private hastened: Promise<void> | undefined

  constructor(
    private readonly database: Database,
    private readonly tools: RematchCourseTools,
    private readonly work: RepeatingWork,
    private readonly logger: PharosLogger,
    @Inject(CONFIGURATION) private readonly configuration: Pick<ResultsConfiguration, 'rematches' | 'upkeep'>,
  ) {}

  onApplicationBootstrap(): void {
    this.work.start({
      name: 'rematch-course',
      intervalMs: this.configuration.upkeep.sweepIntervalMs,
      work: () => this.advance(),
    })
  }

  async beforeApplicationShutdown(): Promise<void> {
    await this.hastened
  }

  /** Looks at once, without anybody waiting for it: something has come in. What goes wrong is told by the next look. */
  hasten(): void {
    this.hastened ??= this.advance()
      .catch((error: unknown) => this.logger.debug('rematch look failed', { error }))
      .finally(() => {
        this.hastened = undefined
      })
  }

  /** One look at every re-match that goes on. */
  async advance(): Promise<void> {
    const running = await rows<RunningRow>(this.database.runner, 'select id, engine from rematch where ended_at is null and not is_paused')
    for (const rematch of running) {
      const outcome = await this.advanceOne(rematch)
      if (outcome === null) continue
      if (outcome.outcome === 'switched') this.logger.info('rematch switched', { rematch: rematch.id, report: outcome.report })
      else this.logger.info('rematch extended', { rematch: rematch.id, packages: outcome.packages })
    }
  }

  /** Switches when all chunks have ended; null when it is not time, or another replica is at it. */
  private async advanceOne({ id, engine }: RunningRow): Promise<SwitchOutcome | null> {
    const isReady = await this.database.inTransaction(async (tx) => {
      await this.tools.chunks.giveUpUntouched(tx, id, this.configuration.rematches.patienceMs)
      if (await this.tools.planner.widenUncompared(tx, id)) return false
      return this.enterSwitching(tx, id)
    })
    if (!isReady) return null
    return this.database.inTransaction((tx) => this.switchUnderLocks(tx, id, engine))
  }

  /** So that its state can be seen while the switch runs. */
  private async enterSwitching(tx: Transaction, id: string): Promise<boolean> {
    const row = await oneRow<{ state: string }>(
      tx,
      `update rematch set state = 'switching', matched_at = coalesce(matched_at, clock_timestamp())
        where id = $1 and state in ('preparing', 'switching') and not is_paused and not exists (select from rematch_chunk where rematch_id = $1 and state = 'open') returning state`,
      [id],
    )
    return row !== null
  }

  private async switchUnderLocks(tx: Transaction, id: string, engine: string): Promise<SwitchOutcome | null> {
    const { transitions, rematches, judgement } = this.tools
    await transitions.lockEngine(tx, engine)
    const rematch = await rematches.lock(tx, id)
    if (rematch === null || rematch.state !== 'switching' || rematch.is_paused) return null
    await stopIngest(tx)
    const heldSinceMs = performance.now()
    const judged = rematch.cause === 'manual' ? rematch.generation_id : (await transitions.findActive(tx, engine))?.id
    const progress = (await rematches.progress(tx, [id])).get(id)
    if (judged === undefined || progress === undefined)
      throw new PharosError('internal-error', `The re-match ${id} has lost its database or its chunks.`)
    const outcome = await this.tools.switchover.run(tx, rematch, progress, { judgedGenerationId: judged, heldSinceMs })
    if (outcome.outcome === 'another-round') return outcome
    if (rematch.cause === 'database') await transitions.activate(tx, { id: rematch.generation_id, engine: rematch.engine })
    await rematches.end(tx, id, 'done', { report: outcome.report, problem: null })
    await judgement.settle(tx, rematch.engine)
    return outcome
  }
}
