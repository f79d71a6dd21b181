import type { MigrationInterface, QueryRunner } from 'typeorm'

/** Tables that grow with time, and the key of each without the column that they are partitioned by. */
const tables = [
  { name: 'event', key: 'xid, id' },
  { name: 'finding_event', key: 'id' },
] as const

/**
 * The event log and the history of findings are kept a month a table: what has had its time goes with its table, and leaves no
 * dead rows behind. The service makes the coming months; until it has, and for moments out of all order, there is a default.
 */
export class PartitionTimeTables1790000000290 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    for (const { name, key } of tables) await this.partition(runner, name, key)
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'))
  }

  /** Puts a partitioned table with the same columns, checks and indexes in the place of a table, and its rows into it. */
  private async partition(runner: QueryRunner, name: string, key: string): Promise<void> {
    const indexes = (await runner.query(
      `select i.indexrelid::regclass::text as name, pg_get_indexdef(i.indexrelid) as definition from pg_index i where i.indrelid = $1::regclass and not i.indisprimary order by 1`,
      [name],
    )) as { name: string; definition: string }[]
    const former = `${name}_former`
    await runner.query(`lock table ${name} in access exclusive mode`)
    for (const index of indexes) await runner.query(`drop index ${index.name}`)
    await runner.query(`alter table ${name} rename to ${former}`)
    await runner.query(`alter table ${former} rename constraint ${name}_pkey to ${former}_pkey`)
    await runner.query(
      `create table ${name} (like ${former} including defaults including constraints including storage including compression) partition by range (at)`,
    )
    await runner.query(`alter table ${name} add primary key (${key}, at)`)
    await runner.query(`create table ${name}_default partition of ${name} default`)
    // One month ahead, and those of the rows that there are, at most two years back; older ones stand in the default.
    await runner.query(`
      do $$
      declare
        month timestamp;
        first_month timestamp := (select date_trunc('month', greatest(coalesce(min(at), now()), now() - interval '2 years') at time zone 'UTC') from ${former});
      begin
        for month in select generate_series(first_month, date_trunc('month', now() at time zone 'UTC') + interval '1 month', interval '1 month') loop
          execute format('create table %I partition of ${name} for values from (%L) to (%L)', '${name}_' || to_char(month, 'YYYY_MM'),
            month at time zone 'UTC', (month + interval '1 month') at time zone 'UTC');
        end loop;
      end $$`)
    await runner.query(`insert into ${name} select * from ${former}`)
    // Before version 17 a partitioned table has no identity columns; a sequence does the same everywhere.
    await runner.query(`create sequence ${name}_number owned by ${name}.id`)
    await runner.query(`select setval('${name}_number', greatest(coalesce(max(id), 0), 1), max(id) is not null) from ${name}`)
    await runner.query(`alter table ${name} alter column id set default nextval('${name}_number')`)
    await runner.query(`drop table ${former}`)
    for (const index of indexes) await runner.query(index.definition)
  }
}
