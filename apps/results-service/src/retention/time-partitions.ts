import { Injectable } from '@nestjs/common'
import { affected, oneRow, rows } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** Tables that are kept a month a table, see migration 1790000000290. */
export type TimeTable = 'event' | 'finding_event'

const timeTables: readonly TimeTable[] = ['event', 'finding_event']
/** Key of the advisory lock under which one replica makes or drops months. */
const monthLock = 7_236_451_120
const monthsAhead = 2
const batch = 5000

interface MonthRow {
  name: string
  until: Date
}

/** The months of tables that grow with time. */
@Injectable()
export class TimePartitions {
  constructor(private readonly database: Database) {}

  /** Makes the tables of this month and the coming ones. Rows that came before their month was made move into it. */
  async prepare(now: Date): Promise<void> {
    for (const table of timeTables) {
      const known = new Set((await this.months(table)).map(({ name }) => name))
      for (let ahead = 0; ahead <= monthsAhead; ahead += 1) {
        const month = monthOf(now, ahead)
        if (!known.has(nameOf(table, month))) await this.database.inTransaction((tx) => this.create(tx, table, month))
      }
    }
  }

  /** How many rows `drop` would remove. */
  async count(table: TimeTable, before: Date): Promise<number> {
    let total = await this.countRows(`${table}_default where at < $1`, [before])
    for (const { name } of await this.past(table, before)) total += await this.countRows(name, [])
    return total
  }

  /**
   * Drops the months that lie before a moment as a whole, and removes what the default holds from before it: rows are kept at
   * least as long as asked for, and up to a month longer. Returns how many rows went. A month in use is left for the next time.
   */
  async drop(table: TimeTable, before: Date): Promise<number> {
    let total = 0
    for (const { name } of await this.past(table, before)) {
      const count = await this.countRows(name, [])
      await this.database.inTransaction(async (tx) => {
        await tx.query(`set local lock_timeout = '5s'`)
        await tx.query('select pg_advisory_xact_lock($1)', [monthLock])
        await tx.query(`drop table if exists ${name}`)
      })
      total += count
    }
    for (let removed = batch; removed === batch; total += removed) {
      removed = await affected(
        this.database.runner,
        `delete from ${table}_default where ctid = any (array(select ctid from ${table}_default where at < $1 limit ${batch}))`,
        [before],
      )
    }
    return total
  }

  private async past(table: TimeTable, before: Date): Promise<MonthRow[]> {
    return (await this.months(table)).filter(({ until }) => until.getTime() <= before.getTime())
  }

  /** The months that there are, by the end in their names. */
  private async months(table: TimeTable): Promise<MonthRow[]> {
    const found = await rows<{ name: string }>(
      this.database.runner,
      `select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid where i.inhparent = $1::regclass and c.relname ~ $2 order by 1`,
      [table, `^${table}_\\d{4}_\\d{2}$`],
    )
    return found.map(({ name }) => {
      const [year = 0, month = 0] = name
        .slice(table.length + 1)
        .split('_')
        .map(Number)
      return { name, until: new Date(Date.UTC(year, month)) }
    })
  }

  private async create(tx: Transaction, table: TimeTable, month: Date): Promise<void> {
    await tx.query(`set local lock_timeout = '5s'`)
    await tx.query('select pg_advisory_xact_lock($1)', [monthLock])
    const name = nameOf(table, month)
    if ((await oneRow(tx, `select 1 from pg_class where oid = to_regclass($1)`, [name])) !== null) return
    const [from, until] = [month.toISOString(), monthOf(month, 1).toISOString()]
    // Attached and not created in place: that would wait for every reader of the whole table.
    await tx.query(`create table ${name} (like ${table} including defaults including constraints including storage including compression)`)
    await tx.query(
      `with moved as (delete from ${table}_default where at >= '${from}' and at < '${until}' returning *) insert into ${name} select * from moved`,
    )
    await tx.query(`alter table ${table} attach partition ${name} for values from ('${from}') to ('${until}')`)
  }

  private async countRows(source: string, parameters: readonly unknown[]): Promise<number> {
    const row = await oneRow<{ count: string }>(this.database.runner, `select count(*) from ${source}`, parameters)
    return Number(row?.count ?? 0)
  }
}

function monthOf(now: Date, ahead: number): Date {
  return new Date(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + ahead))
}

function nameOf(table: TimeTable, month: Date): string {
  return `${table}_${month.toISOString().slice(0, 7).replace('-', '_')}`
}
