import type { Clock } from '@pharos/service-kit'
import type { Database } from '../../database/transaction.js'
import type { EventLog } from '../../events/event-log.js'
import { RematchChunkStore } from '../../rematches/rematch-chunk-store.js'
import { RematchPlanner } from '../../rematches/rematch-planner.js'
import { RematchStore } from '../../rematches/rematch-store.js'
import { CandidateJudgement } from '../candidate-judgement.js'
import { GenerationStore } from '../generation-store.js'
import { GenerationTransitions } from '../generation-transitions.js'

/** Small chunks, so that a few packages make several. */
export const testConfiguration = {
  scans: { databaseMaxAgeMs: 120 * 3_600_000 },
  rematches: { chunkPackages: 3, chunkVulnerabilities: 4, leaseMs: 60_000, patienceMs: 600_000, epssEventThreshold: 0.1 },
}

/** The stores of generations and re-matches, put together as the modules do it. */
export function createGenerationStores(database: Database, events: EventLog, clock: Clock) {
  const configuration = testConfiguration as never
  const transitions = new GenerationTransitions(events)
  const rematches = new RematchStore()
  const chunks = new RematchChunkStore()
  const planner = new RematchPlanner(rematches, chunks, configuration)
  const judgement = new CandidateJudgement(transitions, rematches, planner)
  const generations = new GenerationStore(database, events, configuration, clock, transitions, judgement)
  return { transitions, rematches, chunks, planner, judgement, generations }
}
