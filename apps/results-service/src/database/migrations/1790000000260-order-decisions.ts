import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Changes of decisions can be read in commit order, as those of findings can. */
export class OrderDecisions1790000000260 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    // A default set apart from the column leaves former rows null: they were never to be read in commit order.
    await runner.query('alter table finding_decision_event add column xid xid8')
    await runner.query('alter table finding_decision_event alter column xid set default pg_current_xact_id()')
    await runner.query('create index finding_decision_event_xid on finding_decision_event (xid, id) where xid is not null')
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }
}
