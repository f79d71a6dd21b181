import { Injectable } from '@nestjs/common'
import type { CreateSavedView } from '@pharos/contracts'
import type { VisibleRepositories } from '../access/repository-scope.js'
import { affected, oneRow, rows, type SqlRunner } from '../database/sql.js'
import { Database, type Transaction } from '../database/transaction.js'

/** A saved view as it is stored. */
export interface SavedViewRow {
  id: string
  name: string
  resource: CreateSavedView['resource']
  filter: string
  sort: string | null
  columns: string[]
  visibility: CreateSavedView['visibility']
  owner: string
  version: number
  created_at: Date
  updated_at: Date
}

/** Who reads views: its own, those of everybody, and those of owners who see the same repositories. */
export interface ViewReader {
  readonly id: string
  readonly repositories: VisibleRepositories
}

const isReadable = `(owner = $1 or visibility = 'all' or visibility = 'team' and repositories is not distinct from $2::text[])`

/** Sorted, so that the same patterns in another order are the same scope. */
function scopeOf({ repositories }: ViewReader): string[] | null {
  return repositories === null ? null : [...repositories].sort()
}

/** Reads and writes saved views. */
@Injectable()
export class SavedViewsRepository {
  constructor(private readonly database: Database) {}

  async list(reader: ViewReader, resource: string | null): Promise<SavedViewRow[]> {
    return rows(
      this.database.runner,
      `select * from saved_view where ${isReadable} and ($3::text is null or resource = $3) order by name, id limit 2000`,
      [reader.id, scopeOf(reader), resource],
    )
  }

  async find(runner: SqlRunner, id: string, reader: ViewReader): Promise<SavedViewRow | null> {
    return oneRow(runner, `select * from saved_view where ${isReadable} and id = $3 for share`, [reader.id, scopeOf(reader), id])
  }

  async countOf(tx: Transaction, owner: string): Promise<number> {
    const row = await oneRow<{ count: string }>(tx, 'select count(*) from saved_view where owner = $1', [owner])
    return Number(row?.count ?? 0)
  }

  async insert(tx: Transaction, id: string, reader: ViewReader, view: CreateSavedView): Promise<void> {
    await tx.query(
      `insert into saved_view (id, name, resource, filter, sort, columns, visibility, owner, repositories) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [id, view.name, view.resource, view.filter, view.sort, view.columns, view.visibility, reader.id, scopeOf(reader)],
    )
  }

  /** False when the view is not of this version any more. */
  async update(tx: Transaction, id: string, version: number, view: CreateSavedView): Promise<boolean> {
    const count = await affected(
      tx,
      `update saved_view set name = $3, filter = $4, sort = $5, columns = $6, visibility = $7, version = version + 1, updated_at = date_trunc('milliseconds', now())
        where id = $1 and version = $2`,
      [id, version, view.name, view.filter, view.sort, view.columns, view.visibility],
    )
    return count > 0
  }

  /** False when the view is not of this version any more. */
  async remove(tx: Transaction, id: string, version: number): Promise<boolean> {
    return (await affected(tx, 'delete from saved_view where id = $1 and version = $2', [id, version])) > 0
  }
}
