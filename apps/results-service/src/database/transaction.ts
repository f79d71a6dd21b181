import { Injectable } from '@nestjs/common'
import { DataSource, type EntityManager, QueryFailedError } from 'typeorm'
import { prepareStatements, type StatementConnection } from './prepared-statements.js'
import type { SqlRunner } from './sql.js'

/** A running transaction. Rules pass it on; only repositories and stores run SQL in it. */
export type Transaction = EntityManager

/** How a transaction is run. */
export interface TransactionOptions {
  /** Runs the work again (at most 5 times) when PostgreSQL says that a deadlock or a serialization failure ended it. Default true. */
  readonly retrySerialization?: boolean
  /** Prepares the statements of the work, see `prepareStatements`: for work that is done often, with few and constant texts. Default false. */
  readonly preparesStatements?: boolean
}

/** serialization_failure and deadlock_detected: nothing was done, doing it again is right. */
const retryableStates: ReadonlySet<string> = new Set(['40001', '40P01'])
const attemptLimit = 5

const hooksOf = new WeakMap<EntityManager, (() => void)[]>()

/** Runs `hook` once the transaction has committed, never when it has not. A hook starts things and does not throw. */
export function afterCommit(tx: Transaction, hook: () => void): void {
  const hooks = hooksOf.get(tx)
  if (hooks === undefined) hook()
  else hooks.push(hook)
}

/** The SQLSTATE of a failed statement, e.g. 23505 for a unique violation. */
function sqlStateOf(error: unknown): string | undefined {
  if (!(error instanceof QueryFailedError)) return undefined
  const { code } = error.driverError as { code?: unknown }
  return typeof code === 'string' ? code : undefined
}

/** A view of the database as it was at its first statement. Whoever opens it closes it: it holds a connection and keeps old rows. */
export interface Snapshot {
  readonly reader: SqlRunner
  /** May be called twice. */
  close(): Promise<void>
}

async function preparing<T>(tx: Transaction, work: (tx: Transaction) => Promise<T>): Promise<T> {
  const stop = prepareStatements((await tx.queryRunner?.connect()) as StatementConnection)
  try {
    return await work(tx)
  } finally {
    stop()
  }
}

/** Runs work in transactions. */
@Injectable()
export class Database {
  constructor(private readonly dataSource: DataSource) {}

  /** For single statements outside of a transaction. */
  get runner(): EntityManager {
    return this.dataSource.manager
  }

  /** Commits when `work` resolves, rolls back when it rejects; then the hooks of `afterCommit` run. */
  async inTransaction<T>(work: (tx: Transaction) => Promise<T>, options: TransactionOptions = {}): Promise<T> {
    const { retrySerialization = true, preparesStatements = false } = options
    for (let attempt = 1; ; attempt += 1) {
      const hooks: (() => void)[] = []
      try {
        const result = await this.dataSource.transaction(async (tx) => {
          hooksOf.set(tx, hooks)
          return preparesStatements ? preparing(tx, work) : work(tx)
        })
        for (const hook of hooks) hook()
        return result
      } catch (error) {
        const isRetryable = retrySerialization && retryableStates.has(sqlStateOf(error) ?? '')
        if (!isRetryable || attempt >= attemptLimit) throw error
      }
    }
  }

  /** Opens a snapshot for reading. PostgreSQL ends it when it is left alone for two minutes. */
  async openSnapshot(): Promise<Snapshot> {
    const runner = this.dataSource.createQueryRunner()
    let isClosed = false
    const close = async (): Promise<void> => {
      if (isClosed) return
      isClosed = true
      try {
        if (runner.isTransactionActive) await runner.rollbackTransaction()
      } finally {
        await runner.release()
      }
    }
    try {
      await runner.startTransaction('REPEATABLE READ')
      await runner.query('set transaction read only')
      return { reader: runner.manager, close }
    } catch (error) {
      await close()
      throw error
    }
  }
}
