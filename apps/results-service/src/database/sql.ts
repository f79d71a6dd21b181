import type { EntityManager } from 'typeorm'

/** Whatever can run SQL: a transaction's manager, or the data source's own for a single statement. */
export type SqlRunner = Pick<EntityManager, 'query'>

/** Runs one statement and returns its rows; `T` is the shape that the statement's columns have. */
export async function rows<T extends object>(runner: SqlRunner, sql: string, parameters: readonly unknown[] = []): Promise<T[]> {
  const result: unknown = await runner.query(sql, [...parameters])
  return splitResult<T>(result).rows
}

/** Runs one statement and returns its only row, or null. */
export async function oneRow<T extends object>(runner: SqlRunner, sql: string, parameters: readonly unknown[] = []): Promise<T | null> {
  return (await rows<T>(runner, sql, parameters))[0] ?? null
}

/** Runs an update or delete and returns how many rows it touched. */
export async function affected(runner: SqlRunner, sql: string, parameters: readonly unknown[] = []): Promise<number> {
  const result: unknown = await runner.query(sql, [...parameters])
  return splitResult(result).count
}

/** TypeORM answers UPDATE and DELETE with [rows, count], everything else with the rows. */
function splitResult<T extends object>(result: unknown): { rows: T[]; count: number } {
  if (!Array.isArray(result)) return { rows: [], count: 0 }
  const [first, second] = result as [unknown, unknown]
  if (result.length === 2 && Array.isArray(first) && typeof second === 'number') return { rows: first as T[], count: second }
  return { rows: result as T[], count: result.length }
}
