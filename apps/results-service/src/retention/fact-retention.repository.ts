import { Injectable } from '@nestjs/common'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'
import { plainArray } from '../ingest/array-parameter.js'

/** SQL condition: no image has or had the package. Each part has an index of its own. */
const inNoImage =
  'not exists (select from image_package o where o.package_id = p.id and o.is_present) and not exists (select from image_package o where o.package_id = p.id and not o.is_present)'

/** Names of facts that retention removes, as in its counts. */
export type Fact = 'packages' | 'vulnerabilities' | 'matches'

const candidates: Readonly<Record<Fact, string>> = {
  // In no image, not even as something that was in one. Findings and history are read whole: no index leads from a package to them.
  packages: `select p.id from package p
    where ${inNoImage}
      and not exists (select from finding f where f.package_id = p.id)
      and not exists (select from image_package_event e where e.package_id = p.id)
      and not exists (select from image_package_event e where e.before_package_id = p.id)`,
  vulnerabilities: `select v.id from vulnerability v
    where not exists (select from package_match m where m.vulnerability_id = v.id) and not exists (select from finding f where f.vulnerability_id = v.id)`,
  // Closed by a generation that came before the horizon, and of no finding. One that is closed never opens again.
  matches: `select m.id from package_match m join database_generation g on g.id = m.until_generation
    where not m.is_open and g.activated_at < $1 and not exists (select from finding f where f.match_id = m.id)`,
}

/**
 * Removes facts that nothing leads to any more. Candidates are looked for beside the ingests; a batch of them is looked at again
 * and removed while none is under way, see ingest-lock.ts.
 */
@Injectable()
export class FactRetentionRepository {
  constructor(private readonly database: Database) {}

  /** Ids of facts that can go. */
  async candidates(fact: Fact, horizon: Date): Promise<number[]> {
    const found = await rows<{ id: string }>(this.database.runner, candidates[fact], fact === 'matches' ? [horizon] : [])
    return found.map(({ id }) => Number(id))
  }

  /** A re-match works on the ids of packages and vulnerabilities: none of them may go under it. */
  async isRematching(runner: SqlRunner): Promise<boolean> {
    return (await oneRow(runner, 'select 1 from rematch where ended_at is null limit 1')) !== null
  }

  /** Removes packages that are still in no image, with all that was found in them. Returns how many. */
  async removePackages(tx: Transaction, ids: readonly number[]): Promise<number> {
    const found = await rows<{ id: string }>(tx, `delete from package p where p.id = any ($1::int8[]) and ${inNoImage} returning p.id`, [
      plainArray(ids),
    ])
    // TypeORM answers a DELETE with its rows and their number; `rows` gives the rows.
    const removed = plainArray(found.map(({ id }) => id))
    await tx.query('delete from package_input where package_id = any ($1::int8[])', [removed])
    await tx.query('delete from package_search where package_id = any ($1::int8[])', [removed])
    await tx.query('delete from package_match where package_id = any ($1::int8[]) and is_open', [removed])
    await tx.query('delete from package_match where package_id = any ($1::int8[]) and not is_open', [removed])
    return found.length
  }

  /** Removes vulnerabilities that still match no package, and the groups that are empty then. Returns how many. */
  async removeVulnerabilities(tx: Transaction, ids: readonly number[]): Promise<number> {
    const found = await rows<{ id: string; group_id: string }>(
      tx,
      `delete from vulnerability v where v.id = any ($1::int8[])
         and not exists (select from package_match m where m.vulnerability_id = v.id) and not exists (select from finding f where f.vulnerability_id = v.id)
       returning v.id, v.group_id`,
      [plainArray(ids)],
    )
    await tx.query('delete from vulnerability_score where vulnerability_id = any ($1::int8[])', [plainArray(found.map(({ id }) => id))])
    const emptied = await rows<{ id: string }>(
      tx,
      'delete from vulnerability_group g where g.id = any ($1::int8[]) and not exists (select from vulnerability v where v.group_id = g.id) returning g.id',
      [plainArray([...new Set(found.map(({ group_id }) => group_id))])],
    )
    await tx.query('delete from vulnerability_alias where group_id = any ($1::int8[])', [plainArray(emptied.map(({ id }) => id))])
    return found.length
  }

  removeMatches(tx: Transaction, ids: readonly number[]): Promise<number> {
    return affected(tx, 'delete from package_match where id = any ($1::int8[]) and not is_open', [plainArray(ids)])
  }

  /** When a step over whole tables was done last, by any replica. */
  async doneAt(step: string): Promise<Date | null> {
    const row = await oneRow<{ done_at: Date }>(this.database.runner, 'select done_at from retention_step where name = $1', [step])
    return row?.done_at ?? null
  }

  async markDone(step: string, at: Date): Promise<void> {
    await this.database.runner.query(
      'insert into retention_step (name, done_at) values ($1, $2) on conflict (name) do update set done_at = excluded.done_at',
      [step, at],
    )
  }
}
