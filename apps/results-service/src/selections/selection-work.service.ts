import { type BeforeApplicationShutdown, Injectable, type OnApplicationBootstrap } from '@nestjs/common'
import { type Clock, InjectClock, InjectConfiguration, PharosLogger } from '@pharos/service-kit'
import type { ResultsConfiguration } from '../configuration.js'
import { Database, type Transaction } from '../database/transaction.js'
import { type DecidedFinding, DecisionsService } from '../decisions/decisions.service.js'
import type { DecisionFacts } from '../decisions/decision-facts.js'
import { decisionFactsOfInput } from '../decisions/decision-input.js'
import { RepeatingWork } from '../upkeep/repeating-work.js'
import { type ChunkCounts, type SelectedFinding, type SelectionRow, SelectionsRepository } from './selections.repository.js'

const chunkSize = 500
const expiryIntervalMs = 60_000
const nothing: ChunkCounts = { changed: 0, unchanged: 0, undone: 0, kept: 0 }

/**
 * Applies and undoes selections, a chunk a transaction: what a chunk sets and that it was set are committed together, so a
 * replica may die anywhere, and the next one goes on behind the last chunk.
 */
@Injectable()
export class SelectionWorkService implements OnApplicationBootstrap, BeforeApplicationShutdown {
  private running: Promise<void> | null = null
  private isStopped = false

  constructor(
    private readonly selections: SelectionsRepository,
    private readonly decisions: DecisionsService,
    private readonly database: Database,
    private readonly upkeep: RepeatingWork,
    private readonly logger: PharosLogger,
    @InjectConfiguration() private readonly configuration: ResultsConfiguration,
    @InjectClock() private readonly clock: Clock,
  ) {}

  onApplicationBootstrap(): void {
    this.upkeep.start({ name: 'selections', intervalMs: this.configuration.upkeep.sweepIntervalMs, work: () => this.workAll() })
    this.upkeep.start({ name: 'selection-expiry', intervalMs: expiryIntervalMs, work: () => this.expire() })
  }

  async beforeApplicationShutdown(): Promise<void> {
    this.isStopped = true
    await this.running
  }

  /** Works soon; the sweep finds what is missed. */
  wake(): void {
    if (this.isStopped) return
    this.running ??= this.workAll()
      .catch((error: unknown) => this.logger.warn('selection postponed', { error }))
      .finally(() => {
        this.running = null
      })
  }

  /** Works until there is nothing left to do. */
  async workAll(): Promise<void> {
    while (!this.isStopped && (await this.workOnce()));
  }

  /** One chunk; false when there was none. */
  workOnce(): Promise<boolean> {
    return this.database.inTransaction(async (tx) => {
      const selection = await this.selections.takeWork(tx)
      if (selection === null) return false
      const chunk = await this.selections.chunk(tx, selection, chunkSize)
      const isApplying = selection.state === 'applying'
      const counts = isApplying ? await this.apply(tx, selection, chunk) : await this.undo(tx, selection, chunk)
      const isLast = chunk.length < chunkSize
      const state = !isLast ? selection.state : isApplying ? 'applied' : 'undone'
      await this.selections.advance(tx, selection.id, { position: chunk.at(-1)?.position ?? selection.done_position, state }, counts)
      return true
    })
  }

  async expire(): Promise<void> {
    while ((await this.selections.removeExpired(this.clock.now())) > 0);
  }

  private async apply(
    tx: Transaction,
    { id, decision, decided_by, created_at }: SelectionRow,
    chunk: readonly SelectedFinding[],
  ): Promise<ChunkCounts> {
    if (decision === null || decided_by === null) return nothing
    // An end that has come meanwhile is no reason to refuse what was accepted: the decision then ends at once.
    const facts = decisionFactsOfInput(decision, created_at)
    const decided = byFinding(await this.decisions.setMany(tx, idsOf(chunk), facts, { id: decided_by }))
    const set = chunk.flatMap(({ position, finding_id }) => {
      const became = decided.get(finding_id)
      return became?.outcome === 'changed' ? [{ position, version: became.version, former: became.former }] : []
    })
    await this.selections.noteSet(tx, id, set)
    return { ...nothing, changed: set.length, unchanged: chunk.length - set.length }
  }

  private async undo(tx: Transaction, { decided_by }: SelectionRow, chunk: readonly SelectedFinding[]): Promise<ChunkCounts> {
    const set = chunk.filter(({ version }) => version !== null)
    const groups = new Map<string, SelectedFinding[]>()
    for (const finding of set) {
      const key = JSON.stringify(finding.former)
      groups.set(key, [...(groups.get(key) ?? []), finding])
    }
    let undone = 0
    let kept = 0
    for (const group of groups.values()) {
      const expectedVersions = new Map(group.map(({ finding_id, version }) => [finding_id, version ?? 0]))
      const decided = await this.decisions.setMany(
        tx,
        idsOf(group),
        formerOf(group[0]?.former),
        { id: decided_by ?? '' },
        { expectedVersions },
      )
      undone += decided.filter(({ outcome }) => outcome !== 'stale').length
      kept += decided.filter(({ outcome }) => outcome === 'stale').length
    }
    return { ...nothing, undone, kept }
  }
}

const idsOf = (findings: readonly SelectedFinding[]): string[] => findings.map(({ finding_id }) => finding_id)

function byFinding(decided: readonly DecidedFinding[]): Map<string, DecidedFinding> {
  return new Map(decided.map((finding) => [finding.findingId, finding]))
}

/** JSON has no dates. */
function formerOf(former: unknown): DecisionFacts | null {
  if (former === null || former === undefined) return null
  const facts = former as Omit<DecisionFacts, 'until'> & { until: string | null }
  return { ...facts, until: facts.until === null ? null : new Date(facts.until) }
}
