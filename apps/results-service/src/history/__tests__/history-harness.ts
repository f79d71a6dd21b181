import type { GenerationRef, ScanReport } from '@pharos/contracts'
import { AuditLog } from '../../audit/audit-log.js'
import type { DecisionFacts } from '../../decisions/decision-facts.js'
import { DecisionStore } from '../../decisions/decision-store.js'
import { DecisionsRepository } from '../../decisions/decisions.repository.js'
import { DecisionsService } from '../../decisions/decisions.service.js'
import { EventLog } from '../../events/event-log.js'
import { SummaryStore } from '../../findings/summary-store.js'
import { ImageLocator } from '../../images/image-locator.js'
import { createInventory } from '../../ingest/__tests__/inventory-harness.js'
import { VexDecisionRules } from '../../vex/vex-decision-rules.js'
import { VexMatchesRepository } from '../../vex/vex-matches.repository.js'
import { AsOfRepository } from '../as-of.repository.js'
import { AsOfService } from '../as-of.service.js'
import { DiffRepository } from '../diff.repository.js'
import { DiffService } from '../diff.service.js'
import { HistoryHorizon } from '../history-horizon.js'
import { HistoryRepository } from '../history.repository.js'
import { HistoryService } from '../history.service.js'

const horizonMs = 400 * 24 * 3_600_000

/** The services of history, with an inventory to make some. */
export async function createHistory() {
  const inventory = await createInventory()
  const { database } = inventory.results
  const { clock } = inventory
  const events = new EventLog(database, { eventsWritten: () => undefined } as never)
  const summaries = new SummaryStore()
  const store = new DecisionStore(summaries, events)
  const rules = new VexDecisionRules(new VexMatchesRepository(), store, summaries)
  const decisions = new DecisionsService(new DecisionsRepository(database), store, rules, new AuditLog(), database, clock)
  const locator = new ImageLocator(database)
  const horizon = new HistoryHorizon({ history: { horizonMs } } as never, clock)
  return {
    inventory,
    decisions,
    events,
    locator,
    history: new HistoryService(new HistoryRepository(database), locator),
    diffs: new DiffService(new DiffRepository(database), locator, horizon, clock),
    asOf: new AsOfService(new AsOfRepository(database), locator, horizon, clock),
    /** Stores a report a minute later, with its events; returns the moment. */
    ingest: async (report: ScanReport, generations?: readonly GenerationRef[]): Promise<Date> => {
      const stored = await inventory.ingest(report, generations)
      await database.inTransaction((tx) => events.append(tx, stored.events))
      return clock.now()
    },
    /** Decides about findings a minute later; null takes decisions back. Returns the moment. */
    decide: async (findingIds: readonly string[], status: DecisionFacts['status'] | null): Promise<Date> => {
      await clock.advance(60_000)
      const facts = { justification: null, impactStatement: null, comment: 'said so', response: [], original: null, until: null }
      await database.inTransaction((tx) =>
        decisions.setMany(tx, findingIds, status === null ? null : { ...facts, status }, { id: 'user:ana' }),
      )
      return clock.now()
    },
  }
}

export type History = Awaited<ReturnType<typeof createHistory>>
