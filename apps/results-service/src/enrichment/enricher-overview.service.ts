import { Injectable } from '@nestjs/common'
import type { EnricherOverview, Principal } from '@pharos/contracts'
import { type Clock, InjectClock } from '@pharos/service-kit'
import { visibleRepositories } from '../access/repository-scope.js'
import { oneRow } from '../database/sql.js'
import { Database } from '../database/transaction.js'
import { originalText, storedText } from '../inventory/stored-text.js'
import { type EnricherRecordRow, EnricherRecordStore } from './enricher-record-store.js'
import { EnricherRunRepository, enricherRunOf } from './enricher-run.repository.js'
import { EnricherSetRepository, enricherSetOf } from './enricher-set.repository.js'

type Described = EnricherOverview['enrichers'][number]

/** The active set, and how each of its enrichers does. */
@Injectable()
export class EnricherOverviewService {
  constructor(
    private readonly database: Database,
    private readonly sets: EnricherSetRepository,
    private readonly runs: EnricherRunRepository,
    private readonly records: EnricherRecordStore,
    @InjectClock() private readonly clock: Clock,
  ) {}

  async read(principal: Principal): Promise<EnricherOverview> {
    const { runner } = this.database
    const active = await this.sets.active(runner)
    if (active === null) return { active: null, run: null, due: 0, enrichers: [] }
    const run = await this.runs.activation(runner)
    const due = await oneRow<{ count: number }>(runner, 'select count(*)::int as count from enrichment_work where run_id is null')
    const records = new Map((await this.records.of(runner, active.id)).map((row) => [row.enricher, row]))
    // Which image an enricher failed at is for those who see all of them.
    const seesAll = visibleRepositories(principal) === null
    return {
      active: enricherSetOf(active),
      run: run === null ? null : enricherRunOf(run, this.clock.now()),
      due: due?.count ?? 0,
      enrichers: active.enrichers.map((enricher) => ({ ...enricher, ...recordOf(records.get(storedText(enricher.name)), seesAll) })),
    }
  }
}

function recordOf(row: EnricherRecordRow | undefined, seesAll: boolean): Omit<Described, 'name' | 'engines'> {
  const runs = Number(row?.runs ?? 0)
  const failure =
    row === undefined || row.last_error === null || row.last_failed_at === null || !seesAll
      ? null
      : { at: row.last_failed_at.toISOString(), digest: row.last_digest, key: originalText(row.last_key ?? ''), error: row.last_error }
  return { runs, failures: Number(row?.failures ?? 0), meanMs: row === undefined || runs === 0 ? null : row.ms / runs, lastError: failure }
}
